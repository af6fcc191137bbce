/** What is true of the record and of the call that it tells of. */
export type ComplianceFlags = {
  /** The request carried consent. */
  gdprConsentRecorded: boolean;
  /** The address is masked or hashed: `false` with `auditEmail: 'full'`. */
  dataMinimizationApplied: boolean;
  auditTrailGenerated: boolean;
};

// No identifier in a record is longer than 256 UTF-16 code units; of longer ones it holds the beginning.

/** A guest was authenticated. The tutorial's record, with the outcome of the enrichment. */
export type GuestAuthenticatedRecord = {
  event: 'guest.authentication';
  guestId: string;
  /** In the form that `auditEmail` sets. */
  email: string;
  consent: boolean;
  channelId: string;
  /** Milliseconds, whole call. */
  latencyMs: number;
  /** Life of the guest token in seconds. */
  tokenExpiry: number;
  /** ISO 8601, UTC. */
  timestamp: string;
  complianceFlags: ComplianceFlags;
  /**
   * Whether the CRM's attributes reached the guest. `skipped`: there is no CRM, or it does not know the guest (404);
   * `unavailable`: it gave no usable answer. With web messaging, `deferred`: no conversation was started that could carry
   * them; `partial`: not all of them found room.
   */
  enrichment?: 'applied' | 'failed' | 'skipped' | 'unavailable' | 'deferred' | 'partial';
  /** `X-Genesys-Request-Id` of the creation. */
  requestId?: string;
};

/** A call to `authenticateGuest` failed. */
export type GuestAuthenticationFailedRecord = {
  event: 'guest.authentication.failed';
  /** In the form that `auditEmail` sets; `null` when the payload had none. */
  email: string | null;
  consent: boolean;
  /** `null` when the payload had none. */
  channelId: string | null;
  /** Milliseconds until the failure. */
  latencyMs: number;
  /** `code` of the error that the caller got, `ABORTED` when the caller cancelled. */
  code: string;
  /** HTTP status of the last answer, where there was one. */
  status?: number;
  /** `X-Genesys-Request-Id` of the request that failed, where there was one. */
  requestId?: string;
  timestamp: string;
  complianceFlags: ComplianceFlags;
};

/** A session was ended by `invalidateSession`. Both are `null` for a string that is no session key. */
export type GuestSessionInvalidatedRecord = {
  event: 'guest.session.invalidated';
  email: string | null;
  channelId: string | null;
  timestamp: string;
  complianceFlags: ComplianceFlags;
};

/**
 * An entry of the audit trail; `event` tells which. The members are type aliases, so that a record can be handed to
 * anything that takes a `Record<string, unknown>`.
 */
export type AuditRecord = GuestAuthenticatedRecord | GuestAuthenticationFailedRecord | GuestSessionInvalidatedRecord;

/**
 * Receives audit records, one at a time and in order, outside the call that they tell of. The parameter is also a
 * `Record<string, unknown>`, as in the tutorial: fields can be read without narrowing, and are `unknown` then.
 * A promise that it returns is watched for its rejection, and not waited for.
 */
export type AuditLogCallback = (record: AuditRecord & Record<string, unknown>) => unknown;
