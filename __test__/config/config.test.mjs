// Configurations: what is wrong with one is said by name, before anything is sent, and never with the secret.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { configOf, guest, pkg, setup, startDouble } from '../helpers/setup.mjs';

const { GuestAuthError, GuestAuthenticator, GuestConfigError, GuestContextEnricher, GuestTokenManager, OAuthManager } =
  pkg;

const CANARY = 'canary-d41d8cd98f00b204';
const good = { environment: 'acme', clientId: 'id', clientSecret: CANARY };

function cyclic() {
  const value = { name: CANARY };
  value.self = value;
  return value;
}

/** Values of every kind, each of which is wrong for most fields. */
const kinds = {
  zero: 0,
  number: 5,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  bigint: 10n,
  boolean: true,
  symbol: Symbol(CANARY),
  function: () => CANARY,
  'empty text': '',
  text: `?${CANARY}`,
  'half a character': `https://x.example/\ud800${CANARY}`,
  array: [],
  'array of text': [CANARY],
  object: {},
  'object without a prototype': Object.assign(Object.create(null), { key: CANARY }),
  date: new Date(0),
  buffer: Buffer.from(CANARY),
  map: new Map([[CANARY, 1]]),
  cycle: cyclic(),
};
/** White space, and what looks like nothing at all. */
const BLANKS = [' ', '\t', '\n', '\r\n', '\u00a0', '\u2003', '\u3000', '\ufeff', '\u200b'];

const without = (...names) => Object.keys(kinds).filter((name) => !names.includes(name));

const notText = without('text');
const notWhole = without('zero', 'number');
const notFlag = without('boolean');
const notObject = without('object', 'object without a prototype');

/** By field: the kinds that are wrong for it, and values that are wrong for it alone. */
const fields = {
  environment: [without(), [' ', 'acme corp', 'us_east_9', 'ftp://x', 'https://x/y', 'http://example.com', '-a']],
  clientId: [notText, BLANKS.map((blank) => `id${blank}`)],
  clientSecret: [notText, BLANKS.flatMap((blank) => [`${CANARY}${blank}`, `${blank}${CANARY}`, blank])],
  loginUrl: [without(), ['login.example', 'https://u:p@x.example', 'https://x.example/?q', 'http://x.example']],
  apiUrl: [without(), ['api.example', 'https://x.example/#f', 'http://x.example']],
  crmBaseUrl: [without(), ['crm', 'https://x.example/?q=1', 'file:///etc/passwd', 'http://x.example']],
  analyticsWebhookUrl: [without(), ['hook', 'http://x.example', 'https://x.example/#f']],
  scope: [notText, []],
  tokenSigningKey: [notText, []],
  auditEmail: [without(), ['none', 'Masked', 'masked ']],
  analyticsSigningSecret: [without(), ['whsec_', 'not base64!']],
  proxy: [without(), ['proxy:3128', 'socks4://127.0.0.1:1', 'ftp://127.0.0.1']],
  ca: [without('array'), ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', ['', 5]]],
  allowInsecureHttp: [notFlag, ['true', 1]],
  preflightChannel: [notFlag, ['yes', 0]],
  maxRetries: [notWhole, [-1, 21, 1.5, '3', -0.5]],
  retryBaseDelayMs: [notWhole, [-1, 86_400_001, 0.1]],
  retryMaxDelayMs: [notWhole, [-1, 86_400_001]],
  maxRetryAfterMs: [notWhole, [-1, 86_400_001]],
  maxConcurrency: [
    [...notWhole, 'zero'],
    [-1, 65_536, 2.5, '256'],
  ],
  maxSessions: [
    [...notWhole, 'zero'],
    [-1, 1.5, 2e9],
  ],
  timeouts: [notObject, []],
  rateLimit: [without(), [{ requests: 300 }, { perMs: 60_000 }]],
  paths: [notObject, []],
  outbox: [notObject, []],
  sessionStore: [without(), [{ reddis: { url: 'redis://r' } }]],
  'sessionStore.redis': [
    without(),
    [
      { url: 'http://r' },
      { url: 'redis://r', cluster: 1 },
      { url: 'redis://r', onUnavailable: 'ignore' },
      { url: ['redis://r', 'redis://s'] },
      { url: 'rediss://r', tls: { cert: CANARY } },
      { url: `redis://r?${CANARY}` },
    ],
  ],
  auditLogCallback: [without('function'), []],
  ...nested('timeouts', ['totalMs', 'connectMs', 'oauthMs', 'guestMs', 'crmMs', 'analyticsMs'], () => [
    [...notWhole, 'zero'],
    [-1, 0.5, 86_400_001, '5'],
  ]),
  ...nested('rateLimit', ['requests'], () => [
    [...notWhole, 'zero'],
    [-1, 0.5, 1_000_001, '5'],
  ]),
  ...nested('paths', ['token', 'guests', 'refresh', 'channel'], () => [
    without(),
    ['guests', '//evil.example/x', '/\\evil.example', 'https://evil.example/', '/x#fragment'],
  ]),
  ...nested('outbox', ['lingerMs'], () => [notWhole, [-1, 0.5, 86_400_001]]),
  ...nested('outbox', ['path'], () => [notText, ['a\0b']]),
  // Well-formed, they are refused for the missing path.
  ...nested('outbox', ['maxAgeMs', 'maxEvents', 'maxBytes'], () => [
    [...notWhole, 'zero'],
    [-1, 0.5, 1e18, 5],
  ]),
  ...nested('outbox', ['retryDelaysMs'], () => [without(), [[], [0], [1.5], ['5'], Array(101).fill(5), [5]]]),
};

function nested(parent, names, make) {
  return Object.fromEntries(names.map((name) => [`${parent}.${name}`, make()]));
}

/** `{ [field]: value }`, for a field with a dot an object in an object. */
function setting(field, value) {
  const [outer, inner] = field.split('.');
  return inner === undefined ? { [outer]: value } : { [outer]: { [inner]: value } };
}

/** What a constructor throws, which must tell of `field` and of no secret. */
function refusal(make, field) {
  let error;
  try {
    make();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error instanceof GuestConfigError, error === undefined ? 'accepted' : inspect(error));
  assert.ok(error instanceof GuestAuthError);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.equal(error.retryable, false);
  assert.ok(error.message.startsWith(field), `${field}: ${error.message}`);
  // The name and the rule.
  assert.match(error.message.slice(field.length), /^(\.\w+)? (must|is|has) /, error.message);
  const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }) + JSON.stringify(error);
  assert.ok(!shown.includes(CANARY), shown);
  return error;
}

describe('a bad configuration is refused by name:', () => {
  for (const [field, [wrongKinds, wrong]] of Object.entries(fields)) {
    test(field, () => {
      const values = [
        ...wrongKinds.map((kind) => [kind, kinds[kind]]),
        ...wrong.map((value) => [inspect(value), value]),
      ];
      const wronglyTaken = values.flatMap(([what, value]) => {
        try {
          // What is no JSON at all is said of the outer field.
          const name = ['cycle', 'half a character'].includes(what) ? field.split('.')[0] : field;
          refusal(() => new GuestAuthenticator({ ...good, ...setting(field, value) }), name);
          return [];
        } catch (error) {
          return [`${what}: ${error.message}`];
        }
      });
      assert.deepEqual(wronglyTaken, []);
    });
  }

  test('a required field that is missing', () => {
    for (const field of ['environment', 'clientId', 'clientSecret']) {
      for (const nothing of [undefined, null]) {
        const error = refusal(() => new GuestAuthenticator({ ...good, [field]: nothing }), field);
        assert.match(error.message, / is required/);
      }
    }
  });

  test('a field whose getter throws', () => {
    for (const field of Object.keys(fields).filter((name) => !name.includes('.'))) {
      const config = { ...good };
      Object.defineProperty(config, field, {
        enumerable: true,
        get() {
          throw new RangeError('out of reach');
        },
      });
      const error = refusal(() => new GuestAuthenticator(config), field);
      assert.ok(error.cause instanceof RangeError, field);
    }
    const timeouts = {
      get totalMs() {
        throw new RangeError('out of reach');
      },
    };
    refusal(() => new GuestAuthenticator({ ...good, timeouts }), 'timeouts');
  });

  test('the configuration itself', () => {
    for (const config of [undefined, null, 5, 'acme', true, 1n, Symbol('x'), () => good]) {
      refusal(() => new GuestAuthenticator(config), 'configuration');
      refusal(() => new OAuthManager(config), 'configuration');
    }
    refusal(() => new GuestAuthenticator([]), 'environment');
  });

  test('in the other classes as well', () => {
    const token = async () => 'token';
    refusal(() => new OAuthManager({ ...good, clientSecret: 5 }), 'clientSecret');
    refusal(() => new OAuthManager({ ...good, timeouts: { oauthMs: 0 } }), 'timeouts.oauthMs');
    refusal(() => new OAuthManager({ ...good, sessionStore: {} }), 'sessionStore');
    refusal(() => new GuestTokenManager('', token), 'environment');
    refusal(() => new GuestTokenManager(undefined, token), 'environment');
    refusal(() => new GuestTokenManager('acme', token, { maxConcurrency: 0 }), 'maxConcurrency');
    for (const none of [undefined, null, 'token', {}]) {
      refusal(() => new GuestTokenManager('acme', none), 'getAccessToken');
    }
    const log = () => {};
    const crm = 'https://crm.example';
    refusal(() => new GuestContextEnricher('crm', 'https://hook.example', log), 'crmBaseUrl');
    refusal(() => new GuestContextEnricher(crm, 5, log), 'analyticsWebhookUrl');
    refusal(() => new GuestContextEnricher(crm, '', 'log'), 'auditLogCallback');
    refusal(() => new GuestContextEnricher(crm, '', log, { auditEmail: 'none' }), 'auditEmail');
    refusal(() => new GuestContextEnricher(crm, '', log, { auditEmail: 'hashed' }), 'clientSecret');
    refusal(() => new GuestContextEnricher(crm, '', log, { getAccessToken: 'token' }), 'getAccessToken');
    refusal(() => new GuestContextEnricher(crm, '', log, { outbox: { lingerMs: 'x' } }), 'outbox.lingerMs');
  });
});

describe('a configuration is accepted', () => {
  test('as any object with the fields: frozen, without a prototype, an instance of a class, with others beside', async (t) => {
    const double = await startDouble(t);
    const config = configOf(double);
    class Settings {
      get environment() {
        return config.environment;
      }
      get clientId() {
        return config.clientId;
      }
      get clientSecret() {
        return config.clientSecret;
      }
    }
    const shapes = {
      frozen: Object.freeze({ ...config }),
      bare: Object.assign(Object.create(null), config),
      inherited: Object.create(config),
      instance: new Settings(),
      shared: { ...config, port: 8080, logger: cyclic(), big: 1n },
      proxy: new Proxy(config, {}),
      odd: { ...config, toJSON: () => 'not this' },
    };
    for (const [what, shape] of Object.entries(shapes)) {
      const manager = await attempt(what, () => new OAuthManager(shape));
      assert.match(await manager.getAccessToken(), /^access-/, what);
    }
  });

  test('with undefined and null for absent fields', async (t) => {
    const double = await startDouble(t);
    for (const nothing of [undefined, null]) {
      const absent = Object.keys(fields).filter((name) => !name.includes('.') && !(name in good));
      const config = { ...Object.fromEntries(absent.map((name) => [name, nothing])), ...configOf(double) };
      t.mock.method(console, 'log', () => {});
      await new GuestAuthenticator(config).authenticateGuest(guest());
    }
  });

  test('and is read once: later changes have no effect', async (t) => {
    const double = await startDouble(t);
    const audits = [];
    const config = { ...configOf(double), auditLogCallback: (record) => audits.push(record) };
    const auth = new GuestAuthenticator(config);
    Object.assign(config, { environment: 'http://127.0.0.1:9', clientSecret: 'other', auditLogCallback: 5 });
    await auth.authenticateGuest(guest());
    assert.match(double.of('token')[0].body, /client_secret=client-secret&/);
    assert.equal(audits.length, 1);
  });

  test('and nothing is sent before the first call', async (t) => {
    const { double, auth } = await setup(t, { crm: true, webhook: true });
    auth.metrics();
    auth.getSessionKey('a@example.com', 'web');
    await auth.invalidateSession('a@example.com::web');
    await auth.flush();
    assert.equal(double.sockets.size, 0);
  });

  test('with paths and URLs of a gateway', async (t) => {
    const { double, auth } = await setup(t, {
      crm: true,
      preflightChannel: true,
      scope: 'one two',
      tokenSigningKey: 'a key of our own',
      paths: { token: '/t?x=1', guests: '/g/', refresh: '/r', channel: '/c/{channelId}/state' },
    });
    const answers = {
      '/t?x=1': () => ({ access_token: 'a', expires_in: 60 }),
      '/g/': ({ json }) => double.guest(json),
      '/r': () => ({ token: double.sign('fresh') }),
      '/c/web/state': () => ({}),
      '/g/guest-1': () => ({}),
    };
    double.always('other', (exchange) => ({ body: answers[exchange.url]?.(exchange) ?? { missing: exchange.url } }));
    const { guestData } = await auth.authenticateGuest(guest());
    assert.equal(guestData.guestId, 'guest-1');
    assert.equal(await auth.rotateRefreshToken('refresh'), double.sign('fresh'));
    const urls = double.exchanges.map(({ url }) => url).filter((url) => !url.startsWith('/crm'));
    assert.deepEqual(
      urls,
      Object.keys(answers).toSorted((a, b) => urls.indexOf(a) - urls.indexOf(b)),
    );
    assert.match(double.of('other')[0].body, /&scope=one\+two$/);
  });
});

async function attempt(what, make) {
  try {
    return make();
  } catch (error) {
    assert.fail(`${what}: ${error.message}`);
  }
}
