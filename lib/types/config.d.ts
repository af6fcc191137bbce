import type { AuditLogCallback } from './audit';
import type { SessionStore } from './store';
import type { SignIn } from './web-messaging';

/**
 * What a call may be given besides its arguments.
 */
export interface CallOptions {
  /**
   * Cancels the call: the promise rejects with `signal.reason` at once, the request on the wire is dropped and nothing
   * stays reserved. Default: none.
   */
  signal?: AbortSignalLike | undefined;
}

/** What `authenticateGuest` may be given besides the payload. `signIn` and `token` need `guestApi: 'web-messaging'`. */
export interface AuthenticateOptions extends CallOptions {
  /** How the guest has signed in. Default: the guest is anonymous. */
  signIn?: SignIn | undefined;
  /**
   * `token` of an earlier `guestData`: the guest's session is resumed, or with `signIn` the guest is signed in. A live
   * session of this guest is no duplicate. Default: a new guest.
   */
  token?: string | undefined;
}

/**
 * An `AbortSignal`, described by the members that are used, so that neither `lib.dom` nor `@types/node` is needed to
 * read these declarations. Every `AbortSignal` is one, those of `AbortSignal.timeout()` and `AbortSignal.any()` too.
 */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** How long `close()` waits. */
export interface CloseOptions {
  /**
   * Milliseconds to wait for running calls and for analytics events that are not delivered yet; what is left then is
   * cancelled, and the undelivered events are reported through `process.emitWarning`. Rule: 0 or more.
   * Default: no limit. Calls end by their own deadline (`timeouts.totalMs`), and an event is delivered or given up within
   * about a minute. With an outbox on disk, `close()` waits for the deliveries under way alone: what waits stays on disk.
   */
  timeoutMs?: number | undefined;
}

/**
 * Time limits in milliseconds, whole numbers from 1 to a day. A limit covers a whole exchange, the answer's body
 * included.
 */
export interface TimeoutOptions {
  /** A whole call with its retries and its time in the queue. Default 60000. */
  totalMs?: number | undefined;
  /** Opening a connection, TLS handshake included. Default 5000. */
  connectMs?: number | undefined;
  /** One token request. Default 10000. */
  oauthMs?: number | undefined;
  /** One request to the guest API. Default 15000. */
  guestMs?: number | undefined;
  /** The CRM lookup, which is tried once. Default 2000, as in the tutorial. */
  crmMs?: number | undefined;
  /** One delivery of an analytics event. Default 3000, as in the tutorial. */
  analyticsMs?: number | undefined;
}

/** Paths for a gateway that does not use the default ones. Rule: on the same origin, beginning with one `/`. */
export interface PathOptions {
  /** Token request. Default `/oauth/token`. */
  token?: string | undefined;
  /** Guest creation; attributes go to `{guests}/{guestId}`. Default `/api/v2/engagements/guests`. */
  guests?: string | undefined;
  /** Token refresh. Default `/api/v2/engagements/guests/refresh`. */
  refresh?: string | undefined;
  /**
   * Channel check; the channel is put in the place of `{channelId}`, or at the end without one.
   * Default `/api/v2/journey/actions/channels/{channelId}`.
   */
  channel?: string | undefined;
}

/** How the connections are made. */
export interface HttpOptions {
  /** Time limits, see {@link TimeoutOptions}. */
  timeouts?: TimeoutOptions | undefined;
  /**
   * HTTP/1.1 connections to one host, for the API, for the CRM and for the webhook each; further requests wait in order,
   * which counts against `timeouts.totalMs` alone. HTTP/2 is exempt. Default 256; a whole number from 1 to 65535.
   */
  maxConnections?: number | undefined;
  /**
   * The limit of one access token, where it is known: how many `requests` the API takes in `perMs` milliseconds. Genesys
   * Cloud documents 300 in 60,000. No request that carries the token goes out beyond it; bursts within it are sent at once, the
   * rest wait in the order of their calls. A call that would have to wait for longer than `timeouts.totalMs` fails at once with
   * `RateLimitedError` and `retryAfterMs`. With `sessionStore: { redis }` the limit holds for all processes together.
   * `requests`: a whole number from 1 to 1,000,000; `perMs`: from 1 to 86,400,000. Default: none; what answers say in
   * `inin-ratelimit-count`, `-allowed` and `-reset` is heeded either way.
   */
  rateLimit?: { requests: number; perMs: number } | undefined;
  /**
   * URL of a proxy, `http://[user:password@]host:port`, or with `https:`, `socks5:` (names are looked up here) or `socks5h:`
   * (names are looked up by the proxy); `false` means none. Requests to `localhost`, `127.0.0.0/8` and `[::1]` never go
   * through a proxy. Default: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment.
   */
  proxy?: string | false | undefined;
  /**
   * Certificates that are trusted besides the system's roots and those of the file that `NODE_EXTRA_CA_CERTS` names: PEM
   * text, one certificate or several, as a string or a `Buffer`, or an array of them. A server's own self-signed certificate
   * is trusted too. Default: none.
   */
  ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Allows plain `http:` to hosts other than loopback. Default `false`: refused with `GuestConfigError`. */
  allowInsecureHttp?: boolean | undefined;
}

/**
 * When a failed request is sent again. Only what cannot have happened yet, or may happen twice, is repeated; see
 * docs/errors.md for the table. A budget shared by the instance stops retry storms.
 */
export interface RetryOptions {
  /** Repeats after the first attempt. Rule: a whole number from 0 to 20. Default 3. */
  maxRetries?: number | undefined;
  /**
   * Base of the back-off in milliseconds when the server throttles without `Retry-After`: the wait is drawn evenly from
   * 0 to `min(retryMaxDelayMs, retryBaseDelayMs * 2 ** attempt)`. Default 1000. A transient fault starts from 50.
   */
  retryBaseDelayMs?: number | undefined;
  /** Longest back-off in milliseconds. Rule: at most a day. Default 20000. */
  retryMaxDelayMs?: number | undefined;
  /**
   * Longest `Retry-After` (RFC 9110, section 10.2.3) that is waited for, in milliseconds. A longer one fails the call
   * at once with `retryAfterMs` on the error. Rule: at most a day. Default 60000.
   */
  maxRetryAfterMs?: number | undefined;
}

/** Shares sessions, guests and the access token between processes. */
export interface SessionStoreOptions {
  /** On Redis or Valkey. */
  redis: RedisOptions;
}

/** A store on Redis or Valkey, version 6.2 or newer. All processes with the same client secret and prefix share it. */
export interface RedisOptions {
  /**
   * `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. With `sentinel` the addresses of the
   * sentinels, with `cluster` those of some nodes: an array. User, password and database are taken from the first one.
   * Plain `redis://` is taken for any host: what is stored is sealed, but the password travels in clear.
   */
  url: string | readonly string[];
  /** Put in front of every key. Default `genesys-guest-auth:`. */
  keyPrefix?: string | undefined;
  /**
   * What happens while the servers cannot be reached. `reject` (default): calls fail with `StoreUnavailableError` within
   * two seconds. `local`: this process's memory stands in, with a warning (`SESSION_STORE`).
   */
  onUnavailable?: 'reject' | 'local' | undefined;
  /** Limit for one command in milliseconds. Rule: a whole number from 1 to 1000. Default 250. */
  commandTimeoutMs?: number | undefined;
  /** The URLs are those of sentinels. Default: none. */
  sentinel?: RedisSentinelOptions | undefined;
  /** The URLs are those of nodes of a cluster. Default `false`. */
  cluster?: boolean | undefined;
  /** Certificates for `rediss:`. Default: the system's authorities and those of `ca`, no client certificate. */
  tls?: RedisTlsOptions | undefined;
}

/** Sentinels that name the primary. */
export interface RedisSentinelOptions {
  /** What they call it. */
  name: string;
  /** ACL user for the sentinels themselves. Default: the default user. */
  user?: string | undefined;
  /** Its password. Default: none. */
  password?: string | undefined;
}

/** Certificates, all PEM text. */
export interface RedisTlsOptions {
  /** Authorities that are trusted besides the system's. */
  ca?: string | readonly string[] | undefined;
  /** The client's certificate chain. Rule: together with `key`. */
  cert?: string | undefined;
  /** Its private key, without a passphrase. */
  key?: string | undefined;
}

/**
 * How analytics events wait for their delivery. All fields but `lingerMs` are for events on disk and need `path`; see
 * docs/durability.md.
 */
export interface OutboxOptions {
  /**
   * File that keeps undelivered events. With it an event is on disk before `authenticateGuest` resolves and survives a
   * crash of the process. Rule: in a directory that exists; one file serves one instance. Needs `analyticsWebhookUrl`:
   * without it nothing is sent, and the file is not opened. Default: none, events wait in memory.
   */
  path?: string | undefined;
  /**
   * Waits in milliseconds before the second and later attempts, each spread by a fifth; the last is repeated. 429 and 503
   * with `Retry-After` wait for that instead. Rule: 1 to 100 whole numbers from 1 to a day.
   * Default 5 s, 30 s, 2 min, 10 min, 30 min, 1 h.
   */
  retryDelaysMs?: readonly number[] | undefined;
  /**
   * All waits of an event together, in milliseconds; an event that would wait longer becomes a dead letter. Time in which
   * no process runs does not count. Rule: a whole number from 1 to 30 days. Default 86400000, a day.
   */
  maxAgeMs?: number | undefined;
  /**
   * Events that the file holds, waiting ones and dead letters together. When it is full, calls fail with
   * `StoreUnavailableError` before anything is sent. Rule: a whole number from 1 to 100000000. Default 1000000.
   */
  maxEvents?: number | undefined;
  /**
   * Bytes of these events, with the same effect; most take about 400. The file itself takes two to three times as much.
   * Rule: a whole number from 1 MiB to 1 TiB. Default 1073741824, 1 GiB.
   */
  maxBytes?: number | undefined;
  /**
   * Longest time in milliseconds that waiting events in memory keep the process alive after the last call.
   * Default 10000.
   */
  lingerMs?: number | undefined;
}

/** How the e-mail address appears in audit records. */
export type AuditEmailMode = 'masked' | 'hashed' | 'full';

/**
 * Configuration of {@link OAuthManager}, and the part of {@link AuthenticatorConfig} that belongs to the access token.
 *
 * A bad value makes the constructor throw `GuestConfigError`, which names the field and the rule, never the secret. A
 * field that is `undefined` counts as absent.
 */
export interface OAuthConfig extends HttpOptions, RetryOptions {
  /**
   * A region, a name or an origin:
   * - `eu_west_1`, in any case and with `_` or `-`, `mypurecloud.ie`, or one of `api.mypurecloud.ie`,
   *   `login.mypurecloud.ie`, `apps.mypurecloud.ie`, also as `https://…` → that region of Genesys Cloud;
   * - `acme` or `acme.mygenesys.com` → `https://acme.mygenesys.com` for login and API, the tutorial's rule;
   * - another domain (it has a dot) → `https://login.<domain>` and `https://api.<domain>`;
   * - `http://127.0.0.1:8080` → that origin for both.
   */
  environment: string;
  /** Client id of the OAuth client (client credentials grant). Rule: no white space at its ends. */
  clientId: string;
  /** Its secret. Rule: no white space at its ends. Never part of a message, of `util.inspect` output or of a log line. */
  clientSecret: string;
  /** Where token requests go, `https://host[:port][/prefix]`. Default: from `environment`. */
  loginUrl?: string | undefined;
  /** Paths, see {@link PathOptions}. */
  paths?: PathOptions | undefined;
  /** OAuth scope to ask for, space separated. Default `guest:write guest:read`; none with web messaging. */
  scope?: string | undefined;
  /**
   * Where the access token, and with {@link AuthenticatorConfig} the sessions, are shared. A {@link SessionStore} of your own
   * shares sessions alone. Default: memory of this process.
   */
  sessionStore?: SessionStoreOptions | SessionStore | undefined;
}

/**
 * Configuration of {@link GuestAuthenticator}. The first five fields, three of them in {@link OAuthConfig}, are the
 * tutorial's.
 */
export interface AuthenticatorConfig extends OAuthConfig {
  /**
   * Base URL of the CRM: the profile is read from `GET {crmBaseUrl}/profiles?email=`, without a bearer token.
   * Rule: no query. Default: none, no lookup is made.
   */
  crmBaseUrl?: string | undefined;
  /** URL that receives an {@link AnalyticsPayload} per guest as a POST. Default: none, nothing is sent. */
  analyticsWebhookUrl?: string | undefined;
  /**
   * Receives every audit record. Default: `console.log('[AUDIT]', JSON.stringify(record, null, 2))`.
   * What it throws or rejects with harms no call; it is reported once through `process.emitWarning`.
   */
  auditLogCallback?: AuditLogCallback | undefined;
  /** Where the API is, `https://host[:port][/prefix]`. Default: from `environment`. */
  apiUrl?: string | undefined;
  /**
   * Which API creates guests: the tutorial's, or Genesys Cloud's own, web messaging. With the latter `channelId` is the id
   * of a deployment, and `environment` a region or an origin. Default `'engagements'`.
   */
  guestApi?: 'engagements' | 'web-messaging' | undefined;
  /**
   * `Origin` of the socket's handshake in web messaging, which the deployment's allowed domains are checked against, such
   * as `https://shop.example`. Default: none is sent.
   */
  origin?: string | undefined;
  /**
   * Without `crmBaseUrl`: takes the profile from the organisation's external contacts in Genesys Cloud, by e-mail address.
   * The OAuth client needs the permission `externalContacts:contact:view`. `tier` names the custom field that is the
   * customer's tier. Default `false`; `true` is `{ tier: 'tier' }`.
   */
  contacts?: boolean | { tier?: string | undefined } | undefined;
  /** The socket of web messaging, `wss://host[:port][/v1]`. Default: from `environment`. */
  messagingUrl?: string | undefined;
  /** Where the configuration of deployments is, `https://host[:port]`; for `preflightChannel`. Default: from `environment`. */
  cdnUrl?: string | undefined;
  /**
   * Whether web messaging begins a conversation, with the guest's attributes, as soon as there is a session. Default `false`:
   * `guestData.customAttributes` holds what the front end shall send with the first message.
   */
  startConversation?: boolean | undefined;
  /**
   * Key of the HMAC-SHA-256 that signs guest tokens. Default `${environment}-guest-signing-key`, which is public
   * knowledge: set your own where the server can be told.
   */
  tokenSigningKey?: string | undefined;
  /** Guest calls in flight; further ones wait in order. Rule: a whole number from 1 to 65535. Default 256. */
  maxConcurrency?: number | undefined;
  /**
   * Live sessions that the memory store holds. When all are alive a call fails with `SessionCapacityError`.
   * Rule: a whole number from 1 to 1000000000. Default 1000000.
   */
  maxSessions?: number | undefined;
  /**
   * Asks for the channel before the guest is created; the answer is remembered for five minutes. An unknown or disabled
   * channel is `ChannelUnavailableError`. Default `false`.
   */
  preflightChannel?: boolean | undefined;
  /** Where analytics events wait, see {@link OutboxOptions}. Default: memory. */
  outbox?: OutboxOptions | undefined;
  /**
   * The address in audit records: `masked` (`j***@example.com`), `hashed` (HMAC-SHA-256 of its lower case under the client
   * secret, hex) or `full`. Default `masked`.
   */
  auditEmail?: AuditEmailMode | undefined;
  /**
   * Signs webhook bodies as Standard Webhooks does (`webhook-id`, `webhook-timestamp`, `webhook-signature`). Rule:
   * base64, with or without that specification's prefix `whsec_`. Default: none, bodies are not signed.
   */
  analyticsSigningSecret?: string | undefined;
}

/** Third argument of {@link GuestTokenManager}: what of {@link AuthenticatorConfig} concerns guest tokens. */
export interface GuestTokenManagerOptions
  extends HttpOptions,
    RetryOptions,
    Pick<AuthenticatorConfig, 'apiUrl' | 'paths' | 'tokenSigningKey' | 'maxConcurrency'> {}

/** Fourth argument of {@link GuestContextEnricher}. */
export interface GuestContextEnricherOptions
  extends HttpOptions,
    RetryOptions,
    Pick<AuthenticatorConfig, 'apiUrl' | 'paths' | 'auditEmail' | 'analyticsSigningSecret' | 'outbox'> {
  /**
   * Environment of the guest API, as in {@link OAuthConfig}. Together with `getAccessToken` it lets the enricher PUT
   * the attributes of a guest that has a profile; without the two no attributes are sent. Default: none.
   */
  environment?: string | undefined;
  /** Gives the bearer token for that PUT; asked again after a 401. Default: none. */
  getAccessToken?: (() => Promise<string>) | undefined;
  /** Key for `auditEmail: 'hashed'`, required by it. Default: none. */
  clientSecret?: string | undefined;
}
