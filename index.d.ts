/// <reference lib="esnext.disposable" />

import type { AuditLogCallback } from './lib/types/audit';
import type {
  AuthenticateOptions,
  AuthenticatorConfig,
  CallOptions,
  CloseOptions,
  GuestContextEnricherOptions,
  GuestTokenManagerOptions,
  OAuthConfig,
} from './lib/types/config';
import type { AnalyticsPayload, AuthenticationResult, GuestAuthResponse, GuestRequest } from './lib/types/guest';
import type { DeadLetter, DeadLetterPage } from './lib/types/outbox';
import type { GuestRequestSchemaType } from './lib/types/schema';
import type { SdkClient } from './lib/types/sdk';
import type {
  ExchangedJwt,
  ExchangedSignIn,
  RefreshedJwt,
  RefreshOptions,
  SignOutOptions,
  WebMessagingTokensConfig,
} from './lib/types/web-messaging';

export type * from './lib/types/audit';
export type * from './lib/types/config';
export * from './lib/types/errors';
export type * from './lib/types/guest';
export type * from './lib/types/issues';
export type * from './lib/types/outbox';
export type * from './lib/types/schema';
export type { SdkClient } from './lib/types/sdk';
export type * from './lib/types/store';
export type * from './lib/types/web-messaging';

/** A shared session store, as this process sees it. */
export interface SessionStoreMetrics {
  /** Which kind it is. */
  readonly kind: 'redis' | 'custom';
  /** Whether it can be reached, as far as is known. */
  readonly available: boolean;
  /** Commands that failed for good. What the shared rate limit asks is not counted: calls do without it. */
  readonly failures: number;
  /** Values that were not what they should be (damaged, moved, or by another hand) and were not used. */
  readonly refusedValues: number;
  /** Calls that this process's memory served meanwhile, with `onUnavailable: 'local'`. */
  readonly servedLocally: number;
}

/** Counters of one instance since it was made, and its state now. Plain numbers: a snapshot, not a live view. */
export interface AuthenticatorMetrics {
  /** Calls to `authenticateGuest` that gave a guest. */
  readonly authenticated: number;
  /** Calls that failed, by the `code` of their error; codes that never occurred are absent. */
  readonly failed: Readonly<Record<string, number>>;
  /** Calls refused because of a live session. */
  readonly duplicates: number;
  /** Requests sent again. */
  readonly retries: number;
  /** Answers that throttled: 429, and the login host's rate limit. */
  readonly throttled: number;
  /** CRM lookups that gave no profile. */
  readonly crmFailures: number;
  /** Those of them in which the CRM gave no usable answer; the others were 404. */
  readonly crmUnavailable: number;
  /** Attributes that could not be written for good. */
  readonly enrichmentFailures: number;
  /** Token requests. */
  readonly oauthRequests: number;
  /** Sessions alive now. */
  readonly liveSessions: number;
  /** The shared store; absent without `sessionStore`. */
  readonly store?: SessionStoreMetrics;
  /** Guest calls running now. */
  readonly inFlight: number;
  /** Guest calls waiting now, for `maxConcurrency` or for the server's rate limit. */
  readonly queued: number;
  /** Analytics events. */
  readonly analytics: {
    /** Waiting now. */
    readonly pending: number;
    readonly delivered: number;
    /** Given up; with `outbox.path`, made dead letters. */
    readonly failed: number;
    /** Dead letters now; with `outbox.path` alone. */
    readonly deadLettered?: number;
    /** Bytes of the events that wait or are dead letters; with `outbox.path` alone. */
    readonly storedBytes?: number;
  };
}

/** What an instance with connections of its own has in common. */
interface Closable extends AsyncDisposable {
  /**
   * Refuses new calls with `ClosedError`, waits for the running ones and for undelivered events, then releases
   * connections and memory. A second call waits for the first.
   */
  close(options?: CloseOptions): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What an instance with an outbox on disk has in common. */
interface DeadLetterOffice {
  /**
   * Analytics events that were given up, oldest first: all of them, or a page of at most `limit`, which begins behind the
   * one with the id `after`, even if that was sent again or thrown away lately.
   * @throws GuestConfigError without `outbox.path` and `analyticsWebhookUrl`, or when no dead letter had the id `after`;
   * StoreUnavailableError or ClosedError
   */
  deadLetters(page?: DeadLetterPage): Promise<DeadLetter[]>;
  /**
   * Sends dead letters again, under their ids and with a new schedule, behind what waits for the same guest.
   * Resolves with their number as soon as they wait on disk.
   * @param ids which; unknown ones are passed over. Default: all.
   * @throws as `deadLetters`
   */
  redeliver(ids?: Iterable<string>): Promise<number>;
  /**
   * Throws dead letters away for good. Resolves with their number.
   * @param ids which; unknown ones are passed over. Default: all.
   * @throws as `deadLetters`
   */
  discardDeadLetters(ids?: Iterable<string>): Promise<number>;
}

/** Authenticates guests: validation, duplicate guard, guest creation, enrichment, analytics and audit in one call. */
export class GuestAuthenticator implements Closable, DeadLetterOffice {
  /** @throws GuestConfigError */
  constructor(config: AuthenticatorConfig);

  /**
   * Creates a guest session. Resolves when the guest exists, its token is verified, its attributes are sent, and the
   * analytics event and the audit record are handed over. With `outbox.path`, the event is on disk by then.
   *
   * @throws GuestValidationError, DuplicateSessionError, SessionCapacityError or ClosedError before anything is sent;
   * StoreUnavailableError, too, when the outbox is full or its file cannot be written
   * @throws TypeError when `attributes` cannot be written as JSON, or `options` are not what they must be
   * @throws OAuthError, GuestCreationError and its subclasses, ChannelUnavailableError, TokenSignatureError,
   * NetworkError, TimeoutError or StoreUnavailableError after that; the session key is free again
   */
  authenticateGuest(payload: GuestRequest, options?: AuthenticateOptions): Promise<AuthenticationResult>;

  /**
   * Ends a session, so that its key can be used again. An unknown key is not an error.
   * @param sessionKey from {@link GuestAuthenticator.getSessionKey}
   * @throws ClosedError; with a shared `sessionStore`, StoreUnavailableError
   */
  invalidateSession(sessionKey: string, options?: CallOptions): Promise<void>;

  /** Key of a session, `${email.toLowerCase()}::${channelId}`. */
  getSessionKey(email: string, channelId: string): string;

  /**
   * Exchanges a refresh token for a new guest token, which is verified. A used refresh token gives the newest token
   * known for it. The guest's session, if it is not over, lasts as long as the fresh guest token.
   * @throws TokenRefreshError, GuestForbiddenError (403), GuestConflictError (409), RateLimitedError (429),
   * TokenSignatureError, OAuthError, NetworkError or TimeoutError
   */
  rotateRefreshToken(refreshToken: string, options?: CallOptions): Promise<string>;

  /**
   * A valid access token: cached, renewed ahead of its expiry, one request for all who wait. Can be passed on unbound.
   * @throws OAuthError, NetworkError or TimeoutError
   */
  getAccessToken(options?: CallOptions): Promise<string>;

  /**
   * An `ApiClient` of `purecloud-platform-client-v2` for the same environment, whose every request carries a fresh
   * access token of this instance; the same one on every call.
   * @throws SdkNotInstalledError
   */
  getSdkClient(): SdkClient;

  /**
   * Ends the sign-in of a guest's JWT, which closes all its connections. Needs `guestApi: 'web-messaging'`. One that has
   * ended already is no error.
   * @throws GuestForbiddenError (403), RateLimitedError (429), TokenRefreshError, NetworkError or TimeoutError;
   * GuestConfigError with another `guestApi`; TypeError
   */
  signOut(jwt: string, options?: SignOutOptions): Promise<void>;

  /** Fetches a token and opens connections, so that the first guest does not wait for them. */
  warmUp(options?: CallOptions): Promise<void>;

  /**
   * Waits until the analytics events accepted so far are delivered or given up. With `outbox.path`: until each has had the
   * attempts that are due; what failed and waits for a later one is not waited for. An abort ends the waiting alone.
   */
  flush(options?: CallOptions): Promise<void>;

  deadLetters(page?: DeadLetterPage): Promise<DeadLetter[]>;
  redeliver(ids?: Iterable<string>): Promise<number>;
  discardDeadLetters(ids?: Iterable<string>): Promise<number>;

  /** What was done so far, as numbers. */
  metrics(): AuthenticatorMetrics;

  /**
   * For tests that share an instance: forgets what it has learnt from answers. These are sessions in memory, guests and rotated
   * refresh tokens, the access token, pauses, pace and retry budget, channels, and when it last warned of the CRM. A call under
   * way goes on, and leaves no session. Counters, the outbox and what a `sessionStore` shares stay.
   */
  reset(): void;

  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The access token of an OAuth client: one flight for all callers, renewed ahead of its expiry. */
export class OAuthManager implements Closable {
  /** @throws GuestConfigError */
  constructor(config: OAuthConfig);
  /** @throws OAuthError, NetworkError or TimeoutError */
  getAccessToken(options?: CallOptions): Promise<string>;
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Validates guest requests as zod 4 does. */
export const GuestRequestSchema: GuestRequestSchemaType;

/** Which e-mail addresses have a session on which channel; synchronous, in memory, without expiry. */
export class DuplicateSessionGuard {
  /** `${email.toLowerCase()}::${channelId}`. */
  getSessionKey(email: string, channelId: string): string;
  /** `true` when the key is taken, by whichever guest; else takes it for `guestId`. A taken key stays taken. */
  checkDuplicate(sessionKey: string, guestId: string): boolean;
  /** Frees the key. */
  invalidate(sessionKey: string): void;
}

/** Creates guests and refreshes their tokens, with access tokens from elsewhere. */
export class GuestTokenManager implements Closable {
  /**
   * @param environment as in {@link OAuthConfig}
   * @param getAccessToken gives a bearer token; asked for each call, and once more after a 401, in that call's
   * asynchronous context (`AsyncLocalStorage`)
   * @throws GuestConfigError
   */
  constructor(environment: string, getAccessToken: () => Promise<string>, options?: GuestTokenManagerOptions);
  /**
   * Validates the payload, creates a guest and verifies its token. Does not guard against duplicates.
   * @throws GuestValidationError before anything is sent
   * @throws GuestCreationError and its subclasses, TokenSignatureError, NetworkError or TimeoutError
   */
  createGuestSession(payload: GuestRequest, options?: CallOptions): Promise<GuestAuthResponse>;
  /** See {@link GuestAuthenticator.rotateRefreshToken}. */
  rotateRefreshToken(refreshToken: string, options?: CallOptions): Promise<string>;
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Looks up a guest's profile, sends it on as attributes, and reports to analytics and audit. */
export class GuestContextEnricher implements Closable, DeadLetterOffice {
  /**
   * @param crmBaseUrl see {@link AuthenticatorConfig.crmBaseUrl}
   * @param analyticsWebhookUrl see {@link AuthenticatorConfig.analyticsWebhookUrl}
   * @param auditLogCallback see {@link AuthenticatorConfig.auditLogCallback}
   * @throws GuestConfigError
   */
  constructor(
    crmBaseUrl: string,
    analyticsWebhookUrl: string,
    auditLogCallback: AuditLogCallback,
    options?: GuestContextEnricherOptions,
  );
  /**
   * Resolves with the analytics event when it is in the outbox. A failing CRM, PUT or webhook does not make it reject.
   * @throws ClosedError; StoreUnavailableError when the outbox is full or its file cannot be written
   */
  enrichAndSync(
    guestData: GuestAuthResponse,
    requestPayload: GuestRequest,
    options?: CallOptions,
  ): Promise<AnalyticsPayload>;
  deadLetters(page?: DeadLetterPage): Promise<DeadLetter[]>;
  redeliver(ids?: Iterable<string>): Promise<number>;
  discardDeadLetters(ids?: Iterable<string>): Promise<number>;
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Trades what guests of web messaging have from their sign-in, for services that need no session. */
export class WebMessagingTokens implements Closable {
  /** @throws GuestConfigError */
  constructor(config: WebMessagingTokensConfig);
  /**
   * Trades a sign-in for the guest's JWT. A code can be used once: it is sent again only where it cannot have arrived.
   * @param deploymentId of the deployment that the guest talks to
   * @throws OAuthError (401: the guest must sign in again), GuestForbiddenError (403), ChannelUnavailableError (404),
   * GuestConflictError (409), RateLimitedError (429), GuestCreationError, NetworkError or TimeoutError; TypeError
   */
  exchange(deploymentId: string, signIn: ExchangedSignIn, options?: CallOptions): Promise<ExchangedJwt>;
  /**
   * Trades a refresh token, which stays good, for another JWT.
   * @throws TokenRefreshError, RateLimitedError (429), NetworkError or TimeoutError; TypeError
   */
  refresh(refreshToken: string, options?: RefreshOptions): Promise<RefreshedJwt>;
  /**
   * Ends the sign-in of a JWT, which closes all its connections. One that has ended already is no error.
   * @throws GuestForbiddenError (403), RateLimitedError (429), TokenRefreshError, NetworkError or TimeoutError; TypeError
   */
  revoke(jwt: string, options?: SignOutOptions): Promise<void>;
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
