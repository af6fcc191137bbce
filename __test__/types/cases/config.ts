// What a configuration may hold, and what not.
import {
  type AuthenticatorConfig,
  GuestAuthenticator,
  GuestContextEnricher,
  GuestTokenManager,
  OAuthManager,
  type SessionStore,
} from 'genesys-guest-auth';

const required = { environment: 'mypurecloud.ie', clientId: 'id', clientSecret: 'secret' };

new GuestAuthenticator(required);
new GuestAuthenticator({
  ...required,
  crmBaseUrl: 'https://crm.example.com',
  analyticsWebhookUrl: 'https://hook.example.com',
  auditLogCallback: (record) => console.log(record.event),
  loginUrl: 'https://gateway.example.com/login',
  apiUrl: 'https://gateway.example.com/api',
  paths: { token: '/t', guests: '/g', refresh: '/r', channel: '/c' },
  scope: 'guest:write',
  tokenSigningKey: 'key',
  maxRetries: 0,
  retryBaseDelayMs: 10,
  retryMaxDelayMs: 100,
  maxRetryAfterMs: 1000,
  timeouts: { totalMs: 1, connectMs: 1, oauthMs: 1, guestMs: 1, crmMs: 1, analyticsMs: 1 },
  maxConcurrency: 10,
  rateLimit: { requests: 300, perMs: 60_000 },
  maxSessions: 10,
  preflightChannel: true,
  sessionStore: { redis: { url: 'rediss://redis.example.com', keyPrefix: 'guests:', onUnavailable: 'local' } },
  outbox: { path: './o', lingerMs: 0, retryDelaysMs: [5], maxAgeMs: 9, maxEvents: 10, maxBytes: 2 ** 20 },
  auditEmail: 'hashed',
  analyticsSigningSecret: 'whsec_c2VjcmV0',
  proxy: 'http://proxy.example.com:3128',
  ca: ['-----BEGIN CERTIFICATE-----'],
  allowInsecureHttp: false,
});

// A value from the environment may be missing: `undefined` counts as absent.
export const fromEnvironment: AuthenticatorConfig = {
  ...required,
  crmBaseUrl: process.env.CRM,
  proxy: process.env.PROXY,
  maxRetries: process.env.RETRIES ? Number(process.env.RETRIES) : undefined,
  timeouts: { totalMs: undefined },
  sessionStore: process.env.REDIS ? { redis: { url: process.env.REDIS } } : undefined,
};

// @ts-expect-error the secret is missing
new GuestAuthenticator({ environment: 'acme', clientId: 'id' });
// @ts-expect-error a misspelt field
new GuestAuthenticator({ ...required, maxRetry: 3 });
// @ts-expect-error a number in a string
new GuestAuthenticator({ ...required, maxRetries: '3' });
// @ts-expect-error no such mode
new GuestAuthenticator({ ...required, auditEmail: 'plain' });
// @ts-expect-error half a limit
new GuestAuthenticator({ ...required, rateLimit: { requests: 300 } });
// @ts-expect-error a wait without a list
new GuestAuthenticator({ ...required, outbox: { path: './o', retryDelaysMs: 5 } });
// @ts-expect-error no such reaction
new GuestAuthenticator({ ...required, sessionStore: { redis: { url: 'redis://r', onUnavailable: 'ignore' } } });
new GuestAuthenticator({
  ...required,
  sessionStore: {
    redis: {
      url: ['rediss://a', 'rediss://b'],
      sentinel: { name: 'main', user: 'u', password: 'p' },
      tls: { ca: ['pem'], cert: 'pem', key: 'pem' },
      commandTimeoutMs: 100,
    },
  },
});
new GuestAuthenticator({ ...required, sessionStore: { redis: { url: ['redis://a'], cluster: true } } });

class Table implements SessionStore {
  readonly onUnavailable = 'local';
  private readonly owners = new Map<string, string>();
  async reserve(key: string, owner: string, ttlMs: number) {
    return ttlMs > 0 && !this.owners.has(key) && Boolean(this.owners.set(key, owner));
  }
  async commit(key: string, owner: string) {
    return this.owners.get(key) === owner;
  }
  async release(key: string, _owner: string) {
    this.owners.delete(key);
  }
  async invalidate(key: string) {
    this.owners.delete(key);
  }
}
new GuestAuthenticator({ ...required, sessionStore: new Table() });
const yes = async () => true;
const done = async () => {};
new OAuthManager({ ...required, sessionStore: { reserve: yes, commit: yes, release: done, invalidate: done } });
// @ts-expect-error a store without its commit
new GuestAuthenticator({ ...required, sessionStore: { reserve: yes, release: done, invalidate: done } });
// @ts-expect-error a store that does not say whether the key was taken
new GuestAuthenticator({ ...required, sessionStore: { reserve: done, commit: yes, release: done, invalidate: done } });
// @ts-expect-error sentinels without the name of their primary
new GuestAuthenticator({ ...required, sessionStore: { redis: { url: 'redis://r', sentinel: {} } } });
// @ts-expect-error a store without its address
new GuestAuthenticator({ ...required, sessionStore: { redis: {} } });
// @ts-expect-error no such time limit
new GuestAuthenticator({ ...required, timeouts: { guest: 1 } });
// @ts-expect-error a callback takes records
new GuestAuthenticator({ ...required, auditLogCallback: (record: string) => record });
// @ts-expect-error no configuration at all
new GuestAuthenticator();

new OAuthManager({ ...required, scope: 'a b', loginUrl: 'https://login.example.com', timeouts: { oauthMs: 1 } });
// @ts-expect-error not a matter of the token
new OAuthManager({ ...required, crmBaseUrl: 'https://crm.example.com' });

const token = async () => 'token';
new GuestTokenManager('acme', token, {
  apiUrl: 'https://a.example',
  tokenSigningKey: 'k',
  maxConcurrency: 1,
  ca: 'pem',
});
// @ts-expect-error a token manager has no credentials
new GuestTokenManager('acme', token, { clientSecret: 'secret' });
// @ts-expect-error the token comes as a promise
new GuestTokenManager('acme', () => 'token');

new GuestContextEnricher('', '', () => {}, { environment: 'acme', getAccessToken: token, auditEmail: 'full' });
new GuestContextEnricher('', '', () => {}, { clientSecret: 's', auditEmail: 'hashed', outbox: { lingerMs: 1 } });
// @ts-expect-error an enricher holds no sessions
new GuestContextEnricher('', '', () => {}, { maxSessions: 1 });

declare const authenticator: GuestAuthenticator;
authenticator.authenticateGuest({
  email: 'a@b.example',
  consent: true,
  channelId: 'c',
  attributes: { any: [1, null] },
});
authenticator.authenticateGuest({ email: 'a@b.example', consent: true, channelId: 'c', name: undefined });
// @ts-expect-error the channel is missing
authenticator.authenticateGuest({ email: 'a@b.example', consent: true });
// @ts-expect-error consent is a boolean
authenticator.authenticateGuest({ email: 'a@b.example', consent: 'yes', channelId: 'c' });
// @ts-expect-error options are an object
authenticator.close(1000);
// @ts-expect-error metrics are read only
authenticator.metrics().retries = 0;
