/**
 * A request for a guest session, as the validated output of {@link GuestRequestSchema}.
 */
export interface GuestRequest {
  /** Address of the guest. Rule: zod 4's e-mail pattern. */
  email: string;
  /** Consent of the guest. Rule: must be `true`; the type is `boolean` because it comes from a form. */
  consent: boolean;
  /** Channel of the deployment. Rule: not empty. */
  channelId: string;
  /** Name to show. Rule: at most 100 Unicode code points. */
  name?: string | undefined;
  /** Free attributes, sent as `JSON.stringify` would write them. Rule: a plain object. */
  // biome-ignore lint/suspicious/noExplicitAny: what z.any() infers, and the tutorial's type
  attributes?: Record<string, any> | undefined;
}

/**
 * The guest as the API answered, all of it: fields that are not listed here are kept too and can be reached through
 * `guest as GuestAuthResponse & Record<string, unknown>`. There is deliberately no index signature in the type, because
 * one would refuse an interface of yours with these fields as an argument, and would make `Omit` and `keyof` forget the
 * known fields.
 */
export interface GuestAuthResponse {
  guestId: string;
  /** Guest token, `body.signature`; its signature has been verified. */
  token: string;
  /** Life of the token in seconds. */
  expiresIn: number;
  /** For {@link GuestAuthenticator.rotateRefreshToken}; can be used once. */
  refreshToken: string;
  email: string;
  consent: boolean;
  channelId: string;
  /** ISO 8601. */
  createdDate: string;
}

/** What the CRM knows of a guest. Further fields of its answer are passed on to the guest's attributes. */
export interface CRMProfile {
  customerId: string;
  tier: string;
  /** ISO 8601. */
  lastInteraction: string;
}

/** Body of the analytics webhook. A type alias, so that it can be handed to a `Record<string, unknown>`. */
export type AnalyticsPayload = {
  guestId: string;
  email: string;
  channelId: string;
  /** `tier` of the profile, `null` when there is none. */
  crmTier: string | null;
  /** Milliseconds from the call to the end of the enrichment, on a monotonic clock. */
  authLatencyMs: number;
  /** ISO 8601, UTC. */
  timestamp: string;
};

/** Result of {@link GuestAuthenticator.authenticateGuest}. */
export interface AuthenticationResult {
  guestData: GuestAuthResponse;
  /**
   * The event that was handed to the outbox: an {@link AnalyticsPayload}, and `result.analytics as AnalyticsPayload`
   * says so to the compiler. Declared as wide as in the tutorial, because a narrower type would refuse test doubles and
   * wrappers that are annotated with that one.
   */
  analytics: Record<string, unknown>;
}
