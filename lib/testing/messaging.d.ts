/** A deployment of web messaging. */
export interface Deployment {
  /** A UUID: `channelId` of a guest. */
  id: string;
  /** Guests sign in. Default `false`. */
  auth?: boolean | undefined;
  /** A guest may begin anonymously and sign in later; with `auth`. Default `false`. */
  upgrade?: boolean | undefined;
  /** The domains that it is open to, with their subdomains. Default: all. */
  domains?: readonly string[] | undefined;
  /** `Active`, or another status, which refuses sockets. Default `Active`. */
  status?: string | undefined;
  /** What the end of a conversation does: the next message goes on with it, or there is none. Default `ReadOnly`. */
  disconnect?: 'Send' | 'ReadOnly' | undefined;
  /** A guest may clear the conversation. Default `true`. */
  clear?: boolean | undefined;
}

/** A guest who signs in at the customer's OpenID provider. */
export interface SignInGuest {
  /** Who it is: `sub`. */
  subject: string;
  firstName?: string | undefined;
  lastName?: string | undefined;
  /** The only deployment that the sign-in is good for. Default: any. */
  deploymentId?: string | undefined;
  /** Where the provider sends the guest back to. Default `https://shop.example/callback`. */
  redirectUri?: string | undefined;
  /** The nonce of the request to the provider; the exchange must repeat it. Default: none, or a new one with `implicit`. */
  nonce?: string | undefined;
  /** Ask for a code with PKCE. Default `true`. */
  pkce?: boolean | undefined;
}

/** What the provider gave for a code flow: `signIn` of `authenticateGuest`. */
export interface CodeGrant {
  /** Good for one exchange. */
  code: string;
  redirectUri: string;
  /** Absent without PKCE. */
  codeVerifier?: string;
  nonce?: string;
}

/** What the provider gave for an implicit flow: `signIn` of `authenticateGuest`. */
export interface IdTokenGrant {
  /** Good for one exchange. */
  idToken: string;
  nonce: string;
}

/** One frame of one socket. */
export interface FrameEntry {
  /** From 1; starts again when the record is cleared. */
  readonly seq: number;
  /** Milliseconds from the sandbox's start. */
  readonly tMs: number;
  /** The number of the socket, from 1. */
  readonly socket: number;
  readonly from: 'client' | 'server';
  /** `raw` frames are made by faults. */
  readonly kind: 'text' | 'binary' | 'ping' | 'pong' | 'close' | 'raw';
  /** The text; the reason of a close frame. */
  readonly text: string;
  /** The code of a close frame. */
  readonly code: number | null;
}

/** A frame as it is written, right or wrong. */
export interface RawFrame {
  /** Default `text`. */
  opcode?: 'continuation' | 'text' | 'binary' | 'ping' | 'pong' | undefined;
  /** The payload. Default: none. */
  text?: string | undefined;
  /** Spaces are appended to the payload until it has this many bytes. */
  padTo?: number | undefined;
  /** Whether it is the last fragment. Default `true`. */
  fin?: boolean | undefined;
  /** How many times it is sent. Default 1. */
  times?: number | undefined;
}

/**
 * Which frames are hit, and what happens to them. With a class it hits the frames of that class that the sandbox sends.
 * Without one, an error, raw frames, a close or a cut meets the client's frame, which is then not processed, unless
 * `process` says so; everything else hits the frames that answer it. Handshakes have faults of the route `socket`.
 */
export interface FrameFault {
  /** Only the client's frames with this action, and the answers to them. */
  action?: string | undefined;
  /** Only the sandbox's frames of this class. */
  class?: string | undefined;
  /** Only frames with this text in them. */
  includes?: string | undefined;
  /** How many frames it hits; `null` for every one. Default 1. */
  count?: number | null | undefined;
  /** How many fitting frames go through first. Default 0. */
  skip?: number | undefined;
  /** The share of the remaining frames that it hits, 0 to 1. Default 1. */
  probability?: number | undefined;
  /** An error to answer with. The class is `string` for a text, else `ErrorMessage`. */
  error?: { code: number; body?: unknown; class?: string | undefined } | undefined;
  /** Frames to send instead. */
  frames?: readonly RawFrame[] | undefined;
  /** End the connection with a close frame; `code: null` for one without a code. */
  close?: { code?: number | null | undefined; reason?: string | undefined } | undefined;
  /** End the connection without one: orderly, or with a reset. */
  cut?: 'end' | 'reset' | undefined;
  /** Process the client's frame although it meets an error, raw frames or the end. Default `false`. */
  process?: boolean | undefined;
  /** Milliseconds that the frame comes late; those behind it wait. */
  delayMs?: number | undefined;
  /** Do not send the frame. */
  drop?: boolean | undefined;
  /** Send the frame this many times more. */
  duplicate?: number | undefined;
  /** Send the frame after the next one. */
  reorder?: boolean | undefined;
}

/** A fault of frames and what it has done so far. */
export interface FrameFaultInfo {
  readonly id: number;
  readonly applied: number;
  /** How many more frames it will hit; `null` for every one. */
  readonly remaining: number | null;
  readonly fault: Readonly<Record<string, unknown>>;
}

/** What the sandbox knows of web messaging. */
export interface MessagingState {
  readonly deployments: readonly Deployment[];
  /** Oldest first. */
  readonly sessions: readonly {
    /** The guest's token: a secret. */
    readonly token: string;
    readonly deploymentId: string;
    readonly conversationId: string | null;
    /** Who has signed in. */
    readonly subject: string | null;
    readonly createdDate: string;
    readonly expiresInMs: number;
    readonly readOnly: boolean;
    readonly autoStarted: boolean;
    /** The sockets that it is configured on. */
    readonly sockets: readonly number[];
    /** The custom attributes last sent. */
    readonly customAttributes: Readonly<Record<string, string>> | null;
    /** Messages and events, oldest first. */
    readonly messages: readonly Readonly<Record<string, unknown>>[];
  }[];
  /** Open ones. */
  readonly sockets: readonly {
    readonly socket: number;
    readonly connection: number;
    readonly deploymentId: string;
    readonly application: string | null;
    readonly origin: string | null;
    /** The token of the session that is configured on it. */
    readonly token: string | null;
  }[];
  /** External contacts by identifier; `null` where there is none. */
  readonly contacts: Readonly<Record<string, unknown>>;
}

/** A refusal on the socket. */
export interface InBandRefusal {
  code: number;
  text: string;
}

/** A refusal of the REST API. */
export interface RestRefusal {
  status: number;
  code: string;
}

/** How web messaging behaves when nothing is scripted; `null` switches off what may be off. */
export interface MessagingSettings {
  /** Seconds that a session lives after its last message. Default 259200. */
  sessionSeconds: number;
  /** Seconds that a guest's JWT lives. Default 900. */
  jwtSeconds: number;
  /** Default 86400. */
  refreshTokenSeconds: number;
  /** Seconds that the JWT of `getJwt` lives. Default 60. */
  historyJwtSeconds: number;
  /** Seconds that a code lives. Default 600. */
  codeSeconds: number;
  /** The claims of a guest's JWT. Default: all. */
  jwtClaims: readonly ('exp' | 'iat' | 'sub' | 'deploymentId')[];
  /** Default 4096. */
  maxTextBytes: number;
  /** Default 2048. */
  maxCustomDataBytes: number;
  /** Default `keys-and-values`. */
  attributeCount: 'keys-and-values' | 'json';
  /** The rates of Genesys Cloud's limits page. */
  limits: MessagingLimits;
  /** Whether a session's token must be a UUID. Default `false`. */
  uuidTokens: boolean;
  /** The message that follows a Join. */
  welcome: string | null;
  /** The message that follows each text of a guest, `{text}` standing for it. */
  autoReply: string | null;
  /** The statuses of refused handshakes. Default 403, for `rate` 429. */
  handshake: HandshakeStatuses;
  /** The code of the close frame that follows a closing event. Default 1000; `null` leaves it to the client. */
  closeCode: number | null;
  /** Seconds without a frame from the client after which the connection is closed. Default: off. */
  idleSeconds: number | null;
  /** Seconds after which a connection is closed. Default: off. */
  maxAgeSeconds: number | null;
  /** Bytes of one frame of a client. Default: off. */
  maxFrameBytes: number | null;
  /** Seconds between pings to the client. Default: off. */
  pingSeconds: number | null;
  /** The answer to an anonymous configure where guests sign in. Default 401. */
  anonymous: InBandRefusal;
  /** The answer to a token that belongs to another deployment. Default 400. */
  foreignToken: InBandRefusal;
  /** The shape of the answer to too many configures. Default `too-many-requests`. */
  configureRate: 'too-many-requests' | 'error' | 'text';
  /** The member of `ConnectionClosedEvent` that says why. Default `reason`. */
  closedMember: 'reason' | 'reasonCode';
  /** The answer to a code or ID token that is spent, foreign or malformed. Default 401 `bad.credentials`. */
  signIn: RestRefusal;
  /** Seconds in which a code may be exchanged again, with the same result. Default: a single use. */
  codeReuseSeconds: number | null;
  /** Whether a second exchange of a subject ends its first JWT. Default `false`. */
  exchangeEndsJwt: boolean;
  /** Whether a refresh must name the deployment. Default `false`. */
  refreshNeedsDeployment: boolean;
  /** The answer to the revocation of a JWT that has ended. Default 400 `credentials.expired`. */
  revokeEnded: RestRefusal;
}

/** The statuses of refused handshakes: the deployment is unknown or not active, the origin is foreign, there are too many. */
export interface HandshakeStatuses {
  deployment: number;
  inactive: number;
  origin: number;
  rate: number;
}

/** Settings of web messaging to change; what is not named stays. */
export interface MessagingChange extends Partial<Omit<MessagingSettings, 'limits' | 'handshake'>> {
  limits?: Partial<MessagingLimits>;
  handshake?: Partial<HandshakeStatuses>;
}

/** What a session, a connection or a deployment may do; `null` for no limit. */
export interface MessagingLimits {
  /** Messages of a session. Default 5. */
  messagesPerSecond: number | null;
  /** Frames on a connection. Default 60. */
  requestsPerMinute: number | null;
  /** Configures of a session. Default 60. */
  configuresPerMinute: number | null;
  /** Handshakes of a deployment. Default 1000. */
  connectionsPerMinute: number | null;
  /** Echoes on a connection. Default 2. */
  echoesPerMinute: number | null;
  /** Look-ups of a session's history. Default 10. */
  historiesPerMinute: number | null;
  /** Connections of a session at once; one more closes the oldest. Default 3. */
  connections: number | null;
}

/** Web messaging in a running sandbox. `which` is `true` for all, the default, or those that it names. */
export interface MessagingHandle {
  /** A guest signs in at the customer's provider; what the exchange needs. */
  signIn(guest: SignInGuest & { implicit: true }): Promise<IdTokenGrant>;
  signIn(guest: SignInGuest & { implicit?: false | undefined }): Promise<CodeGrant>;

  /** Frames, oldest first: those after number `since`, those of one socket, the newest `limit`. */
  frames(filter?: { since?: number; socket?: number; limit?: number }): Promise<FrameEntry[]>;
  clearFrames(): Promise<void>;

  /** Adds faults of frames; their numbers. The oldest fault that fits a frame hits it. */
  frameFault(fault: FrameFault): Promise<number>;
  frameFault(...faults: readonly FrameFault[]): Promise<number[]>;
  frameFaults(): Promise<FrameFaultInfo[]>;
  /** Takes one fault away, or all. */
  clearFrameFaults(id?: number): Promise<void>;

  /** What the sandbox knows of web messaging; the newest `limit` sessions. */
  messagingState(filter?: { limit?: number }): Promise<MessagingState>;
  /** Adds deployments, or changes them. From the first one on, others do not exist. */
  deployments(...deployments: readonly Deployment[]): Promise<void>;
  /** Sets external contacts by e-mail or another identifier; `null` for none. */
  contacts(contacts: Readonly<Record<string, unknown>>): Promise<void>;

  /** Somebody on the other side says something in one session, or in all. How many there were. */
  say(text: string, token?: string): Promise<number>;
  /** The other side ends conversations, by token. How many there were. */
  disconnect(which?: true | string | readonly string[]): Promise<number>;
  /** Closes open sockets: one, or all. How many there were. */
  closeSockets(closing?: { socket?: number; code?: number; reason?: string }): Promise<number>;
  /** Lets the time of sessions be over, by token. How many there were. */
  expireSessions(which?: true | string | readonly string[]): Promise<number>;
  /** Lets the time of JWTs be over, by subject. How many there were. */
  expireJwts(which?: true | string | readonly string[]): Promise<number>;
  /** Lets the time of refresh tokens be over, by subject. How many there were. */
  expireRefreshTokens(which?: true | string | readonly string[]): Promise<number>;
}
