// A service around the tutorial's exports. It compiles against the tutorial's own modules (the fixture) and against
// this package, with nothing changed but where the import leads.
import {
  type AnalyticsPayload,
  type AuthenticatorConfig,
  type CRMProfile,
  DuplicateSessionGuard,
  GuestAuthenticator,
  type GuestAuthResponse,
  GuestContextEnricher,
  type GuestRequest,
  GuestRequestSchema,
  GuestTokenManager,
  type OAuthConfig,
  OAuthManager,
} from 'genesys-guest-auth';
import { z } from 'zod';

type LoginResult = { guestData: GuestAuthResponse; analytics: Record<string, unknown> };
type Reply = { status: number; body: unknown };

const config: AuthenticatorConfig = {
  environment: process.env.GENESYS_ENV ?? 'acme',
  clientId: process.env.GENESYS_CLIENT_ID ?? '',
  clientSecret: process.env.GENESYS_CLIENT_SECRET ?? '',
  crmBaseUrl: 'https://crm.example.com',
  analyticsWebhookUrl: 'https://analytics.example.com/hook',
};
const { environment, clientId, clientSecret } = config;
const oauthConfig: OAuthConfig = { environment, clientId, clientSecret };

// The whole authenticator, behind an HTTP handler.
const authenticator = new GuestAuthenticator(config);

export async function handle(body: unknown): Promise<Reply> {
  const parsed = GuestRequestSchema.safeParse(body);
  if (!parsed.success) {
    const first: string = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    return { status: 400, body: { first, fields: parsed.error.flatten().fieldErrors.email?.[0] } };
  }
  try {
    const result: LoginResult = await authenticator.authenticateGuest(parsed.data);
    const tier = result.analytics.crmTier as string | null;
    return { status: 201, body: { token: result.guestData.token, tier, extra: result.analytics.anything } };
  } catch (error) {
    if (error instanceof z.ZodError) return { status: 400, body: error.issues };
    const message = error instanceof Error ? error.message : String(error);
    return { status: message.startsWith('Duplicate active session') ? 409 : 502, body: { message } };
  }
}

// Formatters of zod's errors.
export function report(error: z.ZodError): string {
  return z.prettifyError(error);
}
const checked = GuestRequestSchema.safeParse({});
if (!checked.success) {
  report(checked.error);
  z.treeifyError(checked.error);
  for (const issue of checked.error.issues) {
    switch (issue.code) {
      case 'invalid_type':
        console.log(issue.expected);
        break;
      case 'too_big':
        console.log(issue.maximum);
        break;
      case 'unrecognized_keys':
        console.log(issue.keys);
        break;
      default:
        console.log(issue.code);
    }
  }
  const perField = checked.error.format();
  console.log(perField.email?._errors, perField._errors);
}
export type Inferred = z.infer<typeof GuestRequestSchema>;
export const sameType: Inferred = { email: 'a@b.example', consent: true, channelId: 'c' } satisfies GuestRequest;

// Doubles and wrappers that are annotated with the tutorial's types.
export const double: Pick<GuestAuthenticator, 'authenticateGuest' | 'invalidateSession'> = {
  authenticateGuest: async () => ({ guestData: guest(), analytics: {} }),
  invalidateSession: async () => {},
};

export class CountingAuthenticator extends GuestAuthenticator {
  calls = 0;
  override async authenticateGuest(payload: GuestRequest): Promise<LoginResult> {
    this.calls += 1;
    return super.authenticateGuest(payload);
  }
}

// The parts, put together by hand.
const oauth = new OAuthManager(oauthConfig);
const viaArrow = new GuestTokenManager(environment, () => oauth.getAccessToken());
const viaBind = new GuestTokenManager(environment, oauth.getAccessToken.bind(oauth));
const guard = new DuplicateSessionGuard();

const trail: Record<string, unknown>[] = [];
const store = (log: Record<string, unknown>): void => {
  trail.push(log);
};
const enricher = new GuestContextEnricher('https://crm.example.com', 'https://hook.example.com', store);
export const enrichers: GuestContextEnricher[] = [
  enricher,
  new GuestContextEnricher('https://crm.example.com', 'https://hook.example.com', (log) => trail.push(log)),
  new GuestContextEnricher('https://crm.example.com', 'https://hook.example.com', (log) => {
    const latency = log.latencyMs as number;
    const flags = log.complianceFlags as Record<string, boolean>;
    console.log(log.event, log.tokenExpiry, log.whatever, latency, flags, { ...log });
  }),
  new GuestContextEnricher('https://crm.example.com', 'https://hook.example.com', async (log) => {
    await Promise.resolve(JSON.stringify(log));
  }),
];

// A shape of the service's own, with the fields of a guest.
interface StoredGuest {
  guestId: string;
  token: string;
  expiresIn: number;
  refreshToken: string;
  email: string;
  consent: boolean;
  channelId: string;
  createdDate: string;
}
declare function guest(): StoredGuest;

export async function byHand(request: GuestRequest): Promise<AnalyticsPayload> {
  const key: string = guard.getSessionKey(request.email, request.channelId);
  const taken: boolean = guard.checkDuplicate(key, 'guest-1');
  if (taken) guard.invalidate(key);
  const created: GuestAuthResponse = await viaArrow.createGuestSession(request);
  const stored: StoredGuest = created;
  const token: string = await viaBind.rotateRefreshToken(stored.refreshToken);
  const { token: _, ...withoutToken }: Omit<GuestAuthResponse, 'token'> & { token: string } = { ...created, token };
  const fields: keyof GuestAuthResponse = 'createdDate';
  const profile: CRMProfile = { customerId: '1', tier: 'gold', lastInteraction: fields };
  const analytics = await enricher.enrichAndSync(guest(), {
    ...request,
    attributes: { ...request.attributes, ...profile, ...withoutToken },
  });
  const ms: number = analytics.authLatencyMs;
  const tier: string | null = analytics.crmTier;
  await authenticator.invalidateSession(key);
  return { ...analytics, authLatencyMs: ms, crmTier: tier };
}
