// The shape of every export.
import { expectTypeOf } from 'expect-type';
import type * as everything from 'genesys-guest-auth';
import type {
  AnalyticsPayload,
  AuditLogCallback,
  AuditRecord,
  AuthenticatorConfig,
  AuthenticatorMetrics,
  CRMProfile,
  DeadLetter,
  GuestAuthResponse,
  GuestContextEnricherOptions,
  GuestRequest,
  GuestTokenManagerOptions,
  OAuthConfig,
} from 'genesys-guest-auth';
import {
  DuplicateSessionGuard,
  GuestAuthenticator,
  GuestContextEnricher,
  GuestTokenManager,
  OAuthManager,
  WebMessagingTokens,
} from 'genesys-guest-auth';

// Nothing is exported as a value by accident.
expectTypeOf<keyof typeof everything>().toEqualTypeOf<
  | 'GuestAuthenticator'
  | 'OAuthManager'
  | 'GuestRequestSchema'
  | 'DuplicateSessionGuard'
  | 'GuestTokenManager'
  | 'GuestContextEnricher'
  | 'WebMessagingTokens'
  | 'GuestAuthError'
  | 'GuestConfigError'
  | 'GuestValidationError'
  | 'DuplicateSessionError'
  | 'SessionCapacityError'
  | 'OAuthError'
  | 'GuestCreationError'
  | 'GuestForbiddenError'
  | 'GuestConflictError'
  | 'RateLimitedError'
  | 'ChannelUnavailableError'
  | 'TokenSignatureError'
  | 'TokenRefreshError'
  | 'NetworkError'
  | 'TimeoutError'
  | 'StoreUnavailableError'
  | 'ClosedError'
  | 'SdkNotInstalledError'
>();

// The authenticator.
declare const authenticator: GuestAuthenticator;
expectTypeOf(GuestAuthenticator).constructorParameters.toEqualTypeOf<[config: AuthenticatorConfig]>();
expectTypeOf(authenticator.authenticateGuest).parameter(0).toEqualTypeOf<GuestRequest>();
expectTypeOf(authenticator.authenticateGuest).returns.resolves.toHaveProperty('guestData');
expectTypeOf(authenticator.authenticateGuest).returns.resolves.toEqualTypeOf<everything.AuthenticationResult>();
expectTypeOf<everything.AuthenticationResult['guestData']>().toEqualTypeOf<GuestAuthResponse>();
expectTypeOf<everything.AuthenticationResult['analytics']>().toEqualTypeOf<Record<string, unknown>>();
expectTypeOf(authenticator.invalidateSession).returns.resolves.toBeVoid();
expectTypeOf(authenticator.getSessionKey).toEqualTypeOf<(email: string, channelId: string) => string>();
expectTypeOf(authenticator.rotateRefreshToken).returns.resolves.toBeString();
expectTypeOf(authenticator.getAccessToken).toExtend<() => Promise<string>>();
expectTypeOf(authenticator.warmUp).returns.resolves.toBeVoid();
expectTypeOf(authenticator.flush).toEqualTypeOf<(options?: everything.CallOptions) => Promise<void>>();
expectTypeOf(authenticator.deadLetters).toEqualTypeOf<
  (page?: { readonly limit?: number; readonly after?: string }) => Promise<DeadLetter[]>
>();
expectTypeOf(authenticator.redeliver).toEqualTypeOf<(ids?: Iterable<string>) => Promise<number>>();
expectTypeOf(authenticator.discardDeadLetters).toEqualTypeOf<(ids?: Iterable<string>) => Promise<number>>();
expectTypeOf<DeadLetter['status']>().toEqualTypeOf<number | undefined>();
expectTypeOf(authenticator.close).parameter(0).toEqualTypeOf<{ timeoutMs?: number | undefined } | undefined>();
expectTypeOf(authenticator.metrics).toEqualTypeOf<() => AuthenticatorMetrics>();
expectTypeOf<AuthenticatorMetrics['failed'][string]>().toExtend<number | undefined>();
expectTypeOf<AuthenticatorMetrics['analytics']>().toEqualTypeOf<{
  readonly pending: number;
  readonly delivered: number;
  readonly failed: number;
  readonly deadLettered?: number;
  readonly storedBytes?: number;
}>();

export async function disposes(config: AuthenticatorConfig, oauthConfig: OAuthConfig): Promise<void> {
  await using one = new GuestAuthenticator(config);
  await using two = new OAuthManager(oauthConfig);
  await using three = new GuestTokenManager('acme', () => two.getAccessToken());
  await using four = new GuestContextEnricher('', '', () => {});
  await using five = new WebMessagingTokens({ environment: 'eu_west_1' });
  await Promise.all([one, two, three, four, five].map((closable) => closable.close({ timeoutMs: 100 })));
}

// Cancelling, with every kind of signal.
export async function cancels(request: GuestRequest): Promise<void> {
  const controller = new AbortController();
  await authenticator.authenticateGuest(request, { signal: controller.signal });
  await authenticator.authenticateGuest(request, { signal: AbortSignal.timeout(5000) });
  await authenticator.authenticateGuest(request, { signal: undefined });
  await authenticator.rotateRefreshToken('token', { signal: controller.signal });
  await authenticator.getAccessToken({ signal: controller.signal });
  // @ts-expect-error not a signal
  await authenticator.authenticateGuest(request, { signal: controller });
  // @ts-expect-error unknown option
  await authenticator.authenticateGuest(request, { abort: controller.signal });
}

// Guests of web messaging.
export async function signsIn(request: GuestRequest, signIn: everything.SignIn): Promise<string | undefined> {
  const { guestData } = await authenticator.authenticateGuest(request, { signIn, token: 'token' });
  await authenticator.authenticateGuest(request, { signIn: { code: 'c', redirectUri: 'r', maxAge: 300 } });
  await authenticator.signOut('jwt', { refreshToken: guestData.refreshToken, signal: AbortSignal.timeout(5000) });
  // @ts-expect-error a code needs where it was sent
  await authenticator.authenticateGuest(request, { signIn: { code: 'c' } });
  const { newSession, jwt } = guestData as GuestAuthResponse & everything.WebMessagingGuest;
  expectTypeOf(newSession).toBeBoolean();
  return jwt;
}
declare const messaging: WebMessagingTokens;
expectTypeOf(messaging.exchange).parameter(1).toEqualTypeOf<everything.ExchangedSignIn>();
expectTypeOf(messaging.exchange).returns.resolves.toEqualTypeOf<everything.ExchangedJwt>();
expectTypeOf(messaging.refresh).returns.resolves.toEqualTypeOf<everything.RefreshedJwt>();
expectTypeOf(messaging.revoke).returns.resolves.toBeVoid();

// The parts.
expectTypeOf(OAuthManager).constructorParameters.toEqualTypeOf<[config: OAuthConfig]>();
expectTypeOf<typeof GuestTokenManager>().toExtend<
  new (
    environment: string,
    getAccessToken: () => Promise<string>,
  ) => GuestTokenManager
>();
type TokenParameters = Required<ConstructorParameters<typeof GuestTokenManager>>;
expectTypeOf<TokenParameters>().toEqualTypeOf<[string, () => Promise<string>, GuestTokenManagerOptions]>();
expectTypeOf<typeof GuestContextEnricher>().toExtend<
  new (
    crm: string,
    webhook: string,
    audit: (log: Record<string, unknown>) => void,
  ) => GuestContextEnricher
>();
type EnricherParameters = Required<ConstructorParameters<typeof GuestContextEnricher>>;
expectTypeOf<EnricherParameters>().toEqualTypeOf<[string, string, AuditLogCallback, GuestContextEnricherOptions]>();
declare const tokens: GuestTokenManager;
expectTypeOf(tokens.createGuestSession).returns.resolves.toEqualTypeOf<GuestAuthResponse>();
expectTypeOf(tokens.rotateRefreshToken).returns.resolves.toBeString();
declare const enricher: GuestContextEnricher;
expectTypeOf(enricher.enrichAndSync).returns.resolves.toEqualTypeOf<AnalyticsPayload>();
expectTypeOf<DuplicateSessionGuard['checkDuplicate']>().toEqualTypeOf<
  (sessionKey: string, guestId: string) => boolean
>();
expectTypeOf<DuplicateSessionGuard['invalidate']>().toEqualTypeOf<(sessionKey: string) => void>();
expectTypeOf(DuplicateSessionGuard).constructorParameters.toEqualTypeOf<[]>();

// The data.
expectTypeOf<CRMProfile>().toEqualTypeOf<{ customerId: string; tier: string; lastInteraction: string }>();
expectTypeOf<AnalyticsPayload>().toEqualTypeOf<{
  guestId: string;
  email: string;
  channelId: string;
  crmTier: string | null;
  authLatencyMs: number;
  timestamp: string;
}>();
expectTypeOf<AnalyticsPayload>().toExtend<Record<string, unknown>>();
expectTypeOf<AuditRecord>().toExtend<Record<string, unknown>>();
expectTypeOf<keyof GuestAuthResponse>().toEqualTypeOf<
  'guestId' | 'token' | 'expiresIn' | 'refreshToken' | 'email' | 'consent' | 'channelId' | 'createdDate'
>();

// Audit records tell themselves apart by their event.
export const audit: AuditLogCallback = (record) => {
  if (record.event === 'guest.authentication') {
    expectTypeOf(record.tokenExpiry).toBeNumber();
    expectTypeOf(record.enrichment).toEqualTypeOf<
      'applied' | 'failed' | 'skipped' | 'unavailable' | 'deferred' | 'partial' | undefined
    >();
    expectTypeOf(record.complianceFlags.gdprConsentRecorded).toBeBoolean();
  } else if (record.event === 'guest.authentication.failed') {
    expectTypeOf(record.code).toBeString();
    expectTypeOf(record.email).toEqualTypeOf<string | null>();
    expectTypeOf(record.status).toEqualTypeOf<number | undefined>();
  } else {
    expectTypeOf(record.event).toEqualTypeOf<'guest.session.invalidated'>();
  }
};
expectTypeOf<(record: AuditRecord) => void>().toExtend<AuditLogCallback>();
expectTypeOf<(record: AuditRecord) => Promise<void>>().toExtend<AuditLogCallback>();
expectTypeOf<(log: Record<string, unknown>) => void>().toExtend<AuditLogCallback>();
expectTypeOf<(record: number) => void>().not.toExtend<AuditLogCallback>();

// Analytics is what it says.
export async function typedAnalytics(request: GuestRequest): Promise<number> {
  const { analytics } = await authenticator.authenticateGuest(request);
  return (analytics as AnalyticsPayload).authLatencyMs;
}
