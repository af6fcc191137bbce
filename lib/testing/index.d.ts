/// <reference lib="esnext.disposable" />

import type { AuthenticatorConfig } from '../types/config';
import type { Deployment, MessagingChange, MessagingHandle, MessagingSettings } from './messaging';

export * from './messaging';

/** An endpoint of the sandbox. */
export type Route =
  | 'token'
  | 'create'
  | 'refresh'
  | 'attributes'
  | 'channel'
  | 'crm'
  | 'webhook'
  | 'socket'
  | 'deployment'
  | 'domains'
  | 'exchange'
  | 'jwt-refresh'
  | 'revoke'
  | 'messages'
  | 'contact-lookup'
  | 'contact'
  | 'unknown';

/** How a sandbox starts. */
export interface SandboxOptions {
  /** The port on 127.0.0.1. Default: a free one. */
  port?: number | undefined;
  /** Speak TLS, HTTP/2 and HTTP/1.1, with a certificate made for this start; `ca` is what to trust. Default `false`. */
  tls?: boolean | undefined;
  /** Threads that serve connections. Default 1. */
  threads?: number | undefined;
  /** The only client id that is accepted. Default: any. */
  clientId?: string | undefined;
  /** The only client secret that is accepted. Default: any. */
  clientSecret?: string | undefined;
  /** Part of the default signing key, `${environment}-guest-signing-key`. Default: the sandbox's origin. */
  environment?: string | undefined;
  /** The key of guest tokens. */
  signingKey?: string | undefined;
  /** Seconds that a guest lives. Default 3600. */
  expiresIn?: number | undefined;
  /** Seconds that an access token lives. Default 86400. */
  tokenLifetime?: number | undefined;
  /** Refuse a second live guest for the same e-mail and channel with 409. Default `true`. */
  conflicts?: boolean | undefined;
  /** Log every request. Counters are kept in any case. Default `true`. */
  log?: boolean | undefined;
  /** Requests kept in the log, and webhook events. Default 200000. */
  logCapacity?: number | undefined;
  /** The deployments of web messaging. Default: every UUID is one that is open to everybody, signed in or not. */
  deployments?: readonly Pick<Deployment, 'id' | 'auth' | 'upgrade' | 'domains'>[] | undefined;
  /** The program. Default: `GENESYS_GUEST_AUTH_SANDBOX`, or the one in this package. */
  binary?: string | undefined;
}

/**
 * Which requests are hit, and what happens to them. Without a status or a body the request is processed and its true
 * answer delayed, dropped or garbled; with one of them it is not processed, unless `process` says so.
 */
export interface Fault {
  /** The route, or `'*'` for all. */
  route: Route | '*';
  /** Only requests with this method. */
  method?: string | undefined;
  /** Only requests that look like this. */
  match?:
    | { bodyIncludes?: string | undefined; bearer?: string | undefined; pathIncludes?: string | undefined }
    | undefined;
  /** How many requests it hits; `null` for every one. Default 1. */
  count?: number | null | undefined;
  /** How many matching requests go through first. Default 0. */
  skip?: number | undefined;
  /** The share of the remaining requests that it hits, 0 to 1. Default 1. */
  probability?: number | undefined;
  /** The status to answer. Without a body, an error status has the body that the host would send. */
  status?: number | undefined;
  /** Headers to set, or to take away (`null`). */
  headers?: Readonly<Record<string, string | number | null>> | undefined;
  /** The body to answer: a string as it stands, anything else as JSON. */
  body?: unknown;
  /** Spaces are appended to the body until it has this many bytes. */
  padTo?: number | undefined;
  /** Process the request although it gets a scripted answer. */
  process?: boolean | undefined;
  /** Milliseconds between processing and answering. */
  delayMs?: number | undefined;
  /**
   * Close the connection: `before` the request is processed, with a reset; `after`, without an answer; `mid-body`, after
   * half of the answer. `goaway` answers and takes no more requests on this connection.
   */
  drop?: 'before' | 'after' | 'mid-body' | 'goaway' | undefined;
  /** Whether closing resets the connection. Default: only `before` does. */
  reset?: boolean | undefined;
  /** Send the headers, and then never the body. */
  stallBody?: boolean | undefined;
  /** Send one byte of the body after each of these pauses. */
  chunkDelayMs?: number | undefined;
  /** The `content-length` to claim, right or wrong. */
  contentLength?: number | undefined;
}

/** A fault and what it has done so far. */
export interface FaultInfo {
  readonly id: number;
  readonly applied: number;
  /** How many more requests it will hit; `null` for every one. */
  readonly remaining: number | null;
  readonly fault: Readonly<Record<string, unknown>>;
}

/** The rate limit of a route: a bucket that starts full. */
export interface Limit {
  route: Route;
  /** Tokens that flow in each second. */
  rate: number;
  /** Tokens that the bucket holds. */
  burst: number;
  /** `Retry-After`: seconds, `'date'`, `null` for none, or any text. Default: the computed seconds. */
  retryAfter?: number | 'computed' | 'date' | (string & {}) | null | undefined;
  /** A bucket for each bearer token instead of one for all. Default `false`. */
  perToken?: boolean | undefined;
}

/** One request, and what became of it. */
export interface LogEntry {
  /** From 1; starts again when the log is cleared. */
  readonly seq: number;
  /** Milliseconds from the sandbox's start to the request's arrival. */
  readonly tMs: number;
  readonly route: Route;
  readonly method: string;
  /** As sent. */
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `null` when the connection was closed instead. */
  readonly status: number | null;
  /** The fault that hit it. */
  readonly fault: Readonly<Record<string, unknown>> | null;
  /** The number of the connection that it came on. */
  readonly connection: number;
}

/** What was counted on one route. */
export interface RouteCounts {
  readonly total: number;
  readonly byStatus: Readonly<Record<string, number>>;
  /** Requests whose connection was closed instead of answered. */
  readonly dropped: number;
  /** Requests that a fault hit. */
  readonly faulted: number;
  readonly inFlight: number;
  readonly peakInFlight: number;
  /** Requests that the client gave up before they were answered. */
  readonly aborted: number;
}

/** What was counted since the start or the last reset. */
export interface Counts {
  readonly total: number;
  readonly routes: Readonly<Record<Route, RouteCounts>>;
  /** Connections, without those of this handle; `failed` counts TLS handshakes. */
  readonly connections: { readonly opened: number; readonly open: number; readonly failed: number };
}

/** How the sandbox behaves when nothing is scripted. */
export interface Settings {
  clientId: string | null;
  clientSecret: string | null;
  environment: string | null;
  signingKey: string | null;
  expiresIn: number;
  /** What answers say in `expiresIn`: `'truth'`, `'omit'`, or any other JSON value as it is. */
  reportedExpiresIn: unknown;
  tokenLifetime: number;
  /** What answers say in `expires_in`: `'truth'`, `'omit'`, or any other JSON value as it is. */
  reportedTokenLifetime: unknown;
  conflicts: boolean;
  /** Members added to a new guest: an object, or the text of one, which is kept as written. */
  answerExtra: object | string | null;
  maxRequestBytes: number;
  /**
   * The limit of each access token over all requests that carry it, counted exactly: in a period that slides, or, where it
   * is `fixed`, begins with the first request after the last one.
   */
  tokenLimit: { requests: number; perMs: number; fixed?: boolean } | null;
  /** Whether answers under a limit tell it, in `inin-ratelimit-count`, `-allowed` and `-reset`. */
  announcesLimits: boolean;
  /** Other beginnings of paths: `['/gateway', '']` makes `/gateway/oauth/token` work. */
  aliases: readonly (readonly [from: string, to: string])[];
  /** Web messaging. */
  messaging: MessagingSettings;
}

/** What the sandbox knows. */
export interface SandboxState {
  /** Live guests, oldest first. */
  readonly guests: readonly {
    readonly guestId: string;
    readonly email: string;
    readonly channelId: string;
    readonly createdDate: string;
    readonly expiresInMs: number;
    /** The attributes last sent, with the creation or later. */
    readonly attributes: Readonly<Record<string, unknown>> | null;
    /** How often attributes were put. */
    readonly updates: number;
    readonly refreshes: number;
  }[];
  readonly liveGuests: number;
  readonly guestsCreated: number;
  readonly tokens: readonly {
    readonly token: string;
    readonly clientId: string;
    readonly scope: string;
    readonly expiresInMs: number;
    readonly revoked: boolean;
  }[];
  readonly tokensIssued: number;
  readonly webhookEvents: readonly {
    /** `webhook-id`. */
    readonly id: string | null;
    readonly tMs: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
    readonly json: unknown;
  }[];
  readonly webhookReceived: number;
  readonly profiles: Readonly<Record<string, unknown>>;
  readonly settings: Readonly<Settings>;
}

/** A running sandbox. It holds no process alive, and ends with the one that started it. */
export interface SandboxHandle extends MessagingHandle, AsyncDisposable {
  /** The origin, without a trailing slash. */
  readonly url: string;
  readonly login: string;
  readonly api: string;
  /** `crmBaseUrl`. */
  readonly crm: string;
  /** `analyticsWebhookUrl`. */
  readonly webhook: string;
  /** `messagingUrl`: the socket of web messaging, `ws://127.0.0.1:PORT/v1` or `wss://…`. */
  readonly messaging: string;
  /** `cdnUrl`: where `config.json` and `domains.json` of deployments are. */
  readonly cdn: string;
  readonly pid: number;
  /** The certificate authority to trust, in PEM, when TLS is spoken. */
  readonly ca?: string;

  /** A configuration for this sandbox; with `contacts`, there is no `crmBaseUrl` in it. */
  config<T extends Partial<AuthenticatorConfig> = Record<never, never>>(
    overrides?: T & Partial<AuthenticatorConfig>,
  ): AuthenticatorConfig & { crmBaseUrl: string; analyticsWebhookUrl: string } & T;

  /** Adds faults; their numbers. The oldest fault that fits a request hits it. */
  fault(fault: Fault): Promise<number>;
  fault(...faults: readonly Fault[]): Promise<number[]>;
  faults(): Promise<FaultInfo[]>;
  /** Takes one fault away, or all. */
  clearFaults(id?: number): Promise<void>;

  limit(...limits: readonly Limit[]): Promise<void>;
  /** Takes the limit of a route away, or all. */
  clearLimits(route?: Route): Promise<void>;

  /** Makes answers this many milliseconds late: those of all routes (`'*'`), or of some. */
  latency(ms: number | Partial<Record<Route | '*', number>>): Promise<void>;

  /** Requests, oldest first: those after number `since`, those of one route, the newest `limit`. */
  log(filter?: { since?: number; route?: Route; limit?: number }): Promise<LogEntry[]>;
  logging(enabled: boolean): Promise<void>;
  clearLog(): Promise<void>;

  counts(): Promise<Counts>;
  clearCounts(): Promise<void>;

  /** What the sandbox knows; the newest `limit` of each kind. */
  state(filter?: { limit?: number }): Promise<SandboxState>;
  /** Ends access tokens before their time: all, or these. How many were ended. */
  revokeTokens(which?: true | string | readonly string[]): Promise<number>;
  /** Ends guests: all, or those with these ids. How many were ended. */
  endGuests(which?: true | string | readonly string[]): Promise<number>;
  settings(settings: Partial<Omit<Settings, 'messaging'>> & { messaging?: MessagingChange }): Promise<void>;
  /** Sets CRM profiles by e-mail; `null` for none. */
  profiles(profiles: Readonly<Record<string, unknown>>): Promise<void>;

  /** Back to how it started: no guests, no tokens, no faults, an empty log. */
  reset(): Promise<void>;
  /** Stops it and waits for its end. */
  close(): Promise<void>;
}

/**
 * Starts a sandbox: Genesys Cloud (login and API), a CRM and an analytics webhook on loopback.
 *
 * @throws Error when the program is missing or cannot start; the message says what to do
 */
export function startSandbox(options?: SandboxOptions): Promise<SandboxHandle>;
