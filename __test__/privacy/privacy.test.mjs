// No secret and no personal data where they do not belong: every way to succeed and to fail is tried with canaries, against a
// server that sends everything it was sent back, and all that can be read afterwards is searched for them.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { assertFree, listen, seen } from '../helpers/canaries.mjs';
import { run } from '../helpers/children.mjs';
import { failure, guest, pkg, setup } from '../helpers/setup.mjs';

/** Canaries: each has a part that no encoding changes. */
const SECRET = 'canarySecret&/+ "\\é.x-y_z~';
const ACCESS = 'canaryAccess-._~+/==';
const GUEST_BODY = 'canaryGuest';
const REFRESH = 'canaryRefresh&/+ "\\é';
const SIGNING_KEY = 'canarySigning key';
const WEBHOOK_KEY = Buffer.from('canaryWebhook secret').toString('base64');
const secrets = ['canarySecret', 'canaryAccess', 'canaryGuest', 'canaryRefresh', 'canarySigning', WEBHOOK_KEY];

const EMAIL = 'Canary.Local@canary-domain.example';
const NAME = 'Canary Name';
const personal = {
  email: EMAIL,
  consent: true,
  channelId: 'web',
  name: NAME,
  attributes: { note: 'Canary Attribute' },
};
const persons = ['Canary.Local', 'canary.local', 'Canary Name', 'Canary Attribute', 'Canary Profile'];

/** Everything that the request held, as a careless gateway puts it into an error page. */
function echo({ headers, body, url }, form) {
  const text = `${url} ${JSON.stringify(headers)} ${body}`;
  const decoded = body.startsWith('{') ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
  return {
    text,
    html: `<html><pre>${text}\nAuthorization: ${headers.authorization}\n${Object.values(decoded).join('\n')}</pre>`,
    json: JSON.stringify({ request: { headers, body, url, decoded }, message: `You sent ${text}`, text: [text] }),
    nested: JSON.stringify({ message: JSON.stringify({ headers, decoded, body }) }),
    slashes: JSON.stringify({ message: JSON.stringify({ headers, decoded, body }).replaceAll('/', '\\/') }),
    token: JSON.stringify({ access_token: decoded.client_secret, data: { refreshToken: decoded.refreshToken } }),
    lower: body.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    component: Object.values(decoded).map(encodeURIComponent).join('&'),
  }[form];
}
const FORMS = ['text', 'html', 'json', 'nested', 'slashes', 'token', 'lower', 'component'];

/** An authenticator full of canaries. Everything that it says is kept in `said`. */
async function canaries(t, config = {}) {
  const said = listen(t);
  const context = await setup(t, {
    crm: true,
    webhook: true,
    preflightChannel: true,
    clientSecret: SECRET,
    tokenSigningKey: SIGNING_KEY,
    analyticsSigningSecret: `whsec_${WEBHOOK_KEY}`,
    maxRetries: 0,
    timeouts: { guestMs: 500, crmMs: 500 },
    ...config,
  });
  const { double } = context;
  double.always('token', { body: { access_token: ACCESS, expires_in: 3600 } });
  double.always('create', ({ json }) => ({
    body: double.guest(json, { token: double.sign(GUEST_BODY), refreshToken: REFRESH }),
  }));
  double.always('crm', { body: { tier: 'gold', note: 'Canary Profile' } });
  return { ...context, said };
}

describe('when all is well, nothing is shown', () => {
  test('by instances, metrics, the console and the audit trail', async (t) => {
    const { auth, audits, said, double, config } = await canaries(t);
    await auth.authenticateGuest(personal);
    await auth.rotateRefreshToken(REFRESH);
    await auth.invalidateSession(auth.getSessionKey(EMAIL, 'web'));
    await auth.flush();
    const manager = new pkg.OAuthManager(config);
    const tokens = new pkg.GuestTokenManager(double.url, async () => ACCESS, { tokenSigningKey: SIGNING_KEY });
    const enricher = new pkg.GuestContextEnricher(`${double.url}/crm`, `${double.url}/hook`, () => {}, {
      analyticsSigningSecret: WEBHOOK_KEY,
      clientSecret: SECRET,
      auditEmail: 'hashed',
    });
    await manager.getAccessToken();
    const guestData = await tokens.createGuestSession(personal);
    await enricher.enrichAndSync(guestData, personal);
    const guard = new pkg.DuplicateSessionGuard();
    guard.checkDuplicate(guard.getSessionKey(EMAIL, 'web'), 'guest');
    const objects = [auth, auth.metrics(), manager, tokens, enricher, guard, pkg, pkg.GuestRequestSchema];
    for (const object of [...objects, ...Object.values(pkg)]) {
      assertFree(seen(object), [...secrets, ...persons], inspect(object).slice(0, 40));
    }
    assert.equal(audits.length, 2);
    assertFree(JSON.stringify(audits), [...secrets, ...persons], 'the audit trail');
    assertFree(said.join('\n'), [...secrets, ...persons], 'the console');
    for (const object of [manager, tokens, enricher]) await object.close();
  });

  test('in a heap of its own: addresses of sessions are not kept in the clear', async (t) => {
    // What the process keeps is searched from outside, in a process that has forgotten its own inputs.
    const { double, config } = await canaries(t);
    const { stdout, stderr, code } = await run(
      `
        const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
        const name = (i) => ['vault', 'of', i].join('-') + '@example.com';
        (async () => {
          for (let i = 0; i < 50; i++) await auth.authenticateGuest({ email: name(i), consent: true, channelId: 'web' });
          await auth.flush();
          console.log(auth.metrics().liveSessions);
          console.log(JSON.stringify(require('node:util').inspect(auth, { depth: Infinity, showHidden: true })));
        })();
      `,
      { config: { ...config, crmBaseUrl: undefined, preflightChannel: false } },
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.ok(stdout.startsWith('50\n'));
    assertFree(stdout, ['vault-of', ...secrets], 'an inspection');
    assert.equal(double.of('create').length, 50);
  });
});

/** Every way to fail: the route that fails and the call that meets it. */
const ways = {
  token: ({ auth }) => auth.authenticateGuest(personal),
  channel: ({ auth }) => auth.authenticateGuest(personal),
  create: ({ auth }) => auth.authenticateGuest(personal),
  refresh: ({ auth }) => auth.rotateRefreshToken(REFRESH),
};

describe('when a server sends back all that it was sent, nothing is shown', () => {
  for (const [route, call] of Object.entries(ways)) {
    for (const status of [200, 302, 400, 401, 403, 404, 409, 429, 500, 503]) {
      test(`after ${status} for the ${route} request`, async (t) => {
        const context = await canaries(t);
        const { double, auth, audits, said } = context;
        for (const form of FORMS) {
          const headers = { 'ININ-Correlation-Id': 'c-1', 'Retry-After': '100', Location: '/elsewhere' };
          double.always(route, (exchange) => ({ status, headers, body: echo(exchange, form) }));
          const error = await call(context).then(
            () => undefined,
            (reason) => reason,
          );
          if (error === undefined) {
            const isAnswer = route === 'channel' || (route === 'token' && form === 'token');
            assert.ok(status === 200 && isAnswer, `${route} ${status}: only a channel may have any answer`);
            await auth.invalidateSession(auth.getSessionKey(EMAIL, 'web'));
            continue;
          }
          assert.ok(error instanceof pkg.GuestAuthError, error);
          assertFree(seen(error), secrets, `${error.name} after the form ${form}`);
          // One that paused all calls has been seen; the next form needs an instance that is not paused.
          if (status === 429) break;
        }
        assertFree(JSON.stringify(audits), [...secrets, ...persons], 'the audit trail');
        assertFree(said.join('\n'), [...secrets, ...persons], 'the console');
      });
    }
  }

  for (const route of ['attributes', 'crm', 'webhook']) {
    test(`after a failure of the ${route} request, which fails no call`, async (t) => {
      const { double, auth, audits, said } = await canaries(t);
      for (const form of FORMS) {
        double.always(route, (exchange) => ({ status: 400, body: echo(exchange, form) || 'empty' }));
        await auth.authenticateGuest(personal);
        await auth.invalidateSession(auth.getSessionKey(EMAIL, 'web'));
        await auth.flush();
      }
      await new Promise(setImmediate);
      if (route === 'webhook') assert.ok(said.some((text) => text.includes('was not delivered')));
      assertFree(JSON.stringify(audits), [...secrets, ...persons], 'the audit trail');
      assertFree(said.join('\n'), [...secrets, ...persons], 'the warnings');
    });
  }
});

describe('when the answer is cut short, nothing of it is shown', () => {
  const bodies = {
    create: (double) => [
      `{"guestId":"g","token":"${double.sign(GUEST_BODY)}","refreshToken":"${REFRESH.slice(0, 13)}`,
      `{"guestId":5,"token":"${double.sign(GUEST_BODY)}","refreshToken":"canaryRefresh"}`,
      `{"guest":{"guestId":"g","token":"${double.sign(GUEST_BODY)}","guest_token":"canaryGuest.x"}}`,
      `guestId=g&token=${double.sign(GUEST_BODY)}&refreshToken=canaryRefresh`,
      `<guest><token>canaryGuest.0123456789abcdef</token></guest>`,
    ],
    refresh: (double) => [
      `{"token":"${double.sign(GUEST_BODY)}`,
      `{"token":["${double.sign(GUEST_BODY)}"]}`,
      `token=${double.sign(GUEST_BODY)}`,
    ],
    token: () => [
      '{"access_token":"canaryAccess-1',
      'access_token=canaryAccess-1&token_type=bearer',
      '{"access_token":{"value":"canaryAccess-1"}}',
      '{"token":"canaryAccess-1","id_token":"canaryAccess-2"}',
      '<token>canaryAccess-1</token>',
    ],
  };
  for (const [route, make] of Object.entries(bodies)) {
    test(`by the ${route} request`, async (t) => {
      const context = await canaries(t);
      for (const body of make(context.double)) {
        context.double.always(route, { body });
        const error = await failure(ways[route](context), pkg.GuestAuthError);
        assertFree(seen(error), secrets, body);
      }
    });
  }

  test('nor of a guest token that does not verify', async (t) => {
    const context = await canaries(t);
    for (const token of ['canaryGuest', 'canaryGuest.0123456789abcdef', '.canaryGuest', 'canaryGuest.']) {
      context.double.always('create', ({ json }) => ({
        body: context.double.guest(json, { token, refreshToken: REFRESH }),
      }));
      const error = await failure(context.auth.authenticateGuest(personal), pkg.TokenSignatureError);
      assertFree(seen(error), [...secrets, ...persons], token);
    }
  });
});

describe('when nothing can be sent, nothing is shown', () => {
  test('by refused configurations, payloads, duplicates, connections', async (t) => {
    const { auth, audits, said, config } = await canaries(t);
    const errors = [];
    const collect = (call) => call.catch((error) => errors.push(error));
    for (const [field, value] of Object.entries({
      environment: `https://user:${SECRET}@example.com`,
      clientSecret: { value: SECRET },
      tokenSigningKey: [SIGNING_KEY],
      analyticsSigningSecret: `!${WEBHOOK_KEY}`,
      proxy: `socks4://user:canarySecret@example.com`,
      crmBaseUrl: 'https://user:canarySecret@example.com/?key=canaryAccess',
      ca: 'canarySecret',
    })) {
      assert.throws(
        () => new pkg.GuestAuthenticator({ ...config, [field]: value }),
        (error) => errors.push(error) > 0,
      );
    }
    await auth.authenticateGuest(personal);
    await collect(auth.authenticateGuest(personal));
    await collect(auth.authenticateGuest({ ...personal, consent: false, channelId: '' }));
    await collect(auth.authenticateGuest({ ...personal, email: `${NAME} at home` }));
    const nowhere = { ...config, environment: 'http://127.0.0.1:9', crmBaseUrl: undefined, preflightChannel: false };
    const lost = new pkg.GuestAuthenticator(nowhere);
    await collect(lost.authenticateGuest(personal));
    await collect(lost.rotateRefreshToken(REFRESH));
    await lost.close();
    await collect(lost.authenticateGuest(personal));
    assert.equal(errors.length, 13);
    for (const error of errors) {
      const words = error instanceof pkg.GuestConfigError ? [...secrets, ...persons] : secrets;
      assertFree(seen(error), error.code === 'VALIDATION_FAILED' ? words : [...words, ...persons], error.message);
    }
    assertFree(JSON.stringify(audits), [...secrets, ...persons], 'the audit trail');
    assertFree(said.join('\n'), [...secrets, ...persons], 'the console');
  });

  test('by a process that ends in an error of ours that nobody has caught', async (t) => {
    const { double, config } = await canaries(t);
    double.always('create', (exchange) => ({ status: 400, body: echo(exchange, 'html') }));
    const child = `new pkg.GuestAuthenticator(config).authenticateGuest(${JSON.stringify(personal)});`;
    const { code, stdout, stderr } = await run(child, { config });
    assert.equal(code, 1);
    assert.match(stderr, /GuestCreationError/);
    assertFree(stdout + stderr, secrets, 'the end of the process');
  });
});

test('the address appears in analytics and CRM requests, and in audit records only where it is asked for', async (t) => {
  const { double, auth, audits } = await canaries(t, { auditEmail: 'full' });
  const { analytics, guestData } = await auth.authenticateGuest(personal);
  await double.arrival('webhook');
  assert.deepEqual([analytics.email, guestData.email, audits[0].email], [EMAIL, EMAIL, EMAIL]);
  const shown = double.exchanges.filter(({ url, body }) => /Canary\.Local/.test(url + body)).map(({ route }) => route);
  assert.deepEqual(shown.sort(), ['create', 'crm', 'webhook']);
  const paths = double.exchanges.map(({ path }) => path).join(' ');
  assertFree(paths, ['Canary', 'canary'], 'a path');
});

test('the sources write nothing to the console but audit records', () => {
  const files = readdirSync(new URL('../../lib/', import.meta.url)).filter((file) => file.endsWith('.js'));
  assert.ok(files.length > 10);
  for (const file of files) {
    const source = readFileSync(new URL(`../../lib/${file}`, import.meta.url), 'utf8');
    const written = source.match(/console\.\w+\(|process\.std\w+/g) ?? [];
    assert.deepEqual(written, file === 'audit.js' ? ['console.log('] : [], file);
  }
});

test('two guests with one canary each: the payload of one is not in the error of the other', async (t) => {
  const { double, auth } = await canaries(t);
  double.always('create', ({ json }) => (json.name ? { status: 400, body: {} } : { status: 400, body: { a: 1 } }));
  const [one, other] = await Promise.all(
    [personal, guest()].map((payload) => failure(auth.authenticateGuest(payload), pkg.GuestCreationError)),
  );
  assertFree(seen(one) + seen(other), persons, 'an error');
});
