import type { AuthenticatorConfig, CallOptions, HttpOptions, RetryOptions } from './config';

/** How a guest has signed in, with an authorization code. The code can be used once. */
export interface CodeSignIn {
  /** The authorization code of the organisation's identity provider. */
  code: string;
  /** Where the provider sent it. */
  redirectUri: string;
  /** PKCE's, where it was used (RFC 7636): 43 to 128 characters. */
  codeVerifier?: string | undefined;
  /** Where one was sent to the provider. */
  nonce?: string | undefined;
  /** Seconds, where it was sent to the provider. */
  maxAge?: number | undefined;
  /** Who issued the code (RFC 9207). */
  iss?: string | undefined;
}

/** How a guest has signed in, with an ID token of the implicit flow. It brings no refresh token. */
export interface IdTokenSignIn {
  idToken: string;
  /** Where one was sent to the provider. */
  nonce?: string | undefined;
}

/** How a guest has signed in, with a JWT that {@link WebMessagingTokens.exchange} or a front end has got already. */
export interface JwtSignIn {
  jwt: string;
}

/** What can be exchanged for a JWT. */
export type ExchangedSignIn = CodeSignIn | IdTokenSignIn;

/** How a guest has signed in. */
export type SignIn = ExchangedSignIn | JwtSignIn;

/** A guest's JWT. */
export interface RefreshedJwt {
  /** A secret: whoever has it is the guest. */
  jwt: string;
  /** Its life in seconds, as far as it says; nobody vouches for that. */
  jwtExpiresIn?: number;
}

/** What {@link WebMessagingTokens.exchange} brings. */
export interface ExchangedJwt extends RefreshedJwt {
  /** For other JWTs, as often as one is needed; absent for an ID token. */
  refreshToken?: string;
}

/** Options of {@link WebMessagingTokens.refresh}. */
export interface RefreshOptions extends CallOptions {
  /** The deployment that the token belongs to. Default: not sent. */
  deploymentId?: string | undefined;
}

/** Options of {@link WebMessagingTokens.revoke} and {@link GuestAuthenticator.signOut}. */
export interface SignOutOptions extends CallOptions {
  /** Renews a JWT that has ended, so that its sign-in can be ended all the same. Default: none. */
  refreshToken?: string | undefined;
}

/** Configuration of {@link WebMessagingTokens}. No OAuth client is needed. */
export interface WebMessagingTokensConfig
  extends HttpOptions,
    RetryOptions,
    Pick<AuthenticatorConfig, 'environment' | 'apiUrl' | 'maxConcurrency'> {}

/** What a guest of web messaging has beside the fields of {@link GuestAuthResponse}. */
export interface WebMessagingGuest {
  /** Whether the token had no session before. */
  newSession: boolean;
  /** Whether the guest has signed in. */
  authenticated: boolean;
  /** What the front end shall send with the first message, where no conversation was started. */
  customAttributes: Record<string, string>;
  /** The guest's JWT; a secret. */
  jwt?: string;
  /** Its life in seconds, as far as it says. */
  jwtExpiresIn?: number;
}
