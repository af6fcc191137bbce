import type { GuestRequest } from './guest';
import type { GuestIssue } from './issues';

/** Stable codes: what to switch on. `INTERNAL` is a defect of this package. */
export type GuestAuthErrorCode =
  | 'CONFIG_INVALID'
  | 'VALIDATION_FAILED'
  | 'DUPLICATE_SESSION'
  | 'SESSION_CAPACITY'
  | 'OAUTH_FAILED'
  | 'GUEST_CREATION_FAILED'
  | 'FORBIDDEN'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'CHANNEL_UNAVAILABLE'
  | 'SIGNATURE_INVALID'
  | 'REFRESH_FAILED'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'STORE_UNAVAILABLE'
  | 'CLOSED'
  | 'SDK_NOT_INSTALLED'
  | 'INTERNAL';

/** The fields of an error besides its message, for constructing one in a test of yours. */
export interface GuestAuthErrorDetails {
  retryable?: boolean | undefined;
  status?: number | undefined;
  requestId?: string | undefined;
  correlationId?: string | undefined;
  attempts?: number | undefined;
  retryAfterMs?: number | undefined;
  body?: string | undefined;
  hint?: string | undefined;
  cause?: unknown;
}

/**
 * Base of all errors that this package throws, except `TypeError` for what `JSON.stringify` cannot write and
 * `signal.reason` after an abort. `instanceof` holds across `require` and `import`, worker threads and copies of the
 * package. Nothing in it shows a secret, a bearer token or a refresh token.
 */
export class GuestAuthError extends Error {
  constructor(message?: string, details?: GuestAuthErrorDetails);
  readonly code: GuestAuthErrorCode;
  /** The same call may succeed later and is safe to repeat. */
  readonly retryable: boolean;
  /** HTTP status of the last answer. */
  readonly status?: number;
  /** `X-Genesys-Request-Id` that was sent. */
  readonly requestId?: string;
  /** `ININ-Correlation-Id` of the answer: what Genesys' support asks for. */
  readonly correlationId?: string;
  /** Requests sent for the exchange that failed. */
  readonly attempts?: number;
  /** Milliseconds after which the server will take the call again. */
  readonly retryAfterMs?: number;
  /** Body of the last answer as text, at most 4 KiB; of a successful answer the names of its members alone. */
  readonly body?: string;
  /** What to do about it, in one sentence, where that is known. */
  readonly hint?: string;
  /** What lies underneath: an `Error`, with Node's `code` where there is one (`ECONNREFUSED`, `CERT_HAS_EXPIRED`, …). */
  readonly cause?: unknown;
}

/** A field of the configuration is missing or breaks its rule; the message names both. Thrown by constructors. */
export class GuestConfigError extends GuestAuthError {
  readonly code: 'CONFIG_INVALID';
}

/** Like zod's formatted error: `_errors` of the payload itself, and one such object per field. */
export type GuestFormattedError<Entry = string> = { _errors: Entry[] } & {
  [Field in keyof GuestRequest]?: { _errors: Entry[] };
};

/** Like zod's flattened error. */
export type GuestFlattenedError<Entry = string> = {
  formErrors: Entry[];
  fieldErrors: { [Field in keyof GuestRequest]?: Entry[] };
};

/**
 * The payload is not a guest request; nothing was sent. Stands in for zod 4's `ZodError`: same `name`, `message` and
 * `issues`, passes `instanceof z.ZodError`, and can be given to `z.treeifyError`, `z.prettifyError` and the like.
 */
export class GuestValidationError extends GuestAuthError {
  constructor(issues: GuestIssue[]);
  readonly code: 'VALIDATION_FAILED';
  name: 'ZodError';
  issues: GuestIssue[];
  readonly isEmpty: boolean;
  format(): GuestFormattedError;
  format<Entry>(mapper: (issue: GuestIssue) => Entry): GuestFormattedError<Entry>;
  flatten(): GuestFlattenedError;
  flatten<Entry>(mapper: (issue: GuestIssue) => Entry): GuestFlattenedError<Entry>;
  addIssue(issue: GuestIssue): void;
  addIssues(issues: GuestIssue[]): void;
  /** For the type level only, as in zod. */
  type: GuestRequest;
  /** What zod's own functions read. */
  _zod: { output: GuestRequest; def: GuestIssue[] };
}

/** The e-mail address has a live session on this channel, or a call for one is running. */
export class DuplicateSessionError extends GuestAuthError {
  readonly code: 'DUPLICATE_SESSION';
}

/** `maxSessions` sessions are alive in the memory store. */
export class SessionCapacityError extends GuestAuthError {
  readonly code: 'SESSION_CAPACITY';
}

/** No access token could be had. */
export class OAuthError extends GuestAuthError {
  readonly code: 'OAUTH_FAILED';
}

/** The API refused to create the guest; its subclasses are refusals with a name. */
export class GuestCreationError extends GuestAuthError {
  readonly code: 'GUEST_CREATION_FAILED' | 'FORBIDDEN' | 'CONFLICT' | 'RATE_LIMITED';
}

/** 403: the OAuth client lacks a permission, or the channel is disabled. */
export class GuestForbiddenError extends GuestCreationError {
  readonly code: 'FORBIDDEN';
}

/** 409: the guest exists, or a refresh token was used up, and nothing that is known here resolves it. */
export class GuestConflictError extends GuestCreationError {
  readonly code: 'CONFLICT';
}

/** 429 for longer than the call may wait; `retryAfterMs` says how long. */
export class RateLimitedError extends GuestCreationError {
  readonly code: 'RATE_LIMITED';
}

/** With `preflightChannel`: the channel is unknown or disabled. Nothing was created. */
export class ChannelUnavailableError extends GuestAuthError {
  readonly code: 'CHANNEL_UNAVAILABLE';
}

/** The signature of a guest token does not match; the token was thrown away. */
export class TokenSignatureError extends GuestAuthError {
  readonly code: 'SIGNATURE_INVALID';
}

/** The API refused to refresh a guest token. */
export class TokenRefreshError extends GuestAuthError {
  readonly code: 'REFRESH_FAILED';
}

/** No usable answer: connection, TLS, protocol, size or form. The message says which call and host. */
export class NetworkError extends GuestAuthError {
  readonly code: 'NETWORK';
}

/** No answer in time. */
export class TimeoutError extends GuestAuthError {
  readonly code: 'TIMEOUT';
}

/** The shared session store cannot be reached, the outbox is full, or its file cannot be used. */
export class StoreUnavailableError extends GuestAuthError {
  readonly code: 'STORE_UNAVAILABLE';
}

/** The instance was closed. */
export class ClosedError extends GuestAuthError {
  readonly code: 'CLOSED';
}

/** `getSdkClient()` without `purecloud-platform-client-v2`; the message holds the command that installs it. */
export class SdkNotInstalledError extends GuestAuthError {
  readonly code: 'SDK_NOT_INSTALLED';
}
