// One set of classes for `require` and `import`.
import main from './index.js';

export const {
  GuestAuthenticator,
  OAuthManager,
  GuestRequestSchema,
  DuplicateSessionGuard,
  GuestTokenManager,
  GuestContextEnricher,
  GuestAuthError,
  GuestConfigError,
  GuestValidationError,
  DuplicateSessionError,
  SessionCapacityError,
  OAuthError,
  GuestCreationError,
  GuestForbiddenError,
  GuestConflictError,
  RateLimitedError,
  ChannelUnavailableError,
  TokenSignatureError,
  TokenRefreshError,
  NetworkError,
  TimeoutError,
  StoreUnavailableError,
  ClosedError,
  SdkNotInstalledError,
} = main;
