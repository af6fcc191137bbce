// The classes that do one part of the work, used as the tutorial uses them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configOf, failure, guest, pkg, setup, startDouble, until } from '../helpers/setup.mjs';

const { DuplicateSessionGuard, GuestContextEnricher, GuestTokenManager, OAuthManager } = pkg;

const refused = { status: 401, body: { message: 'Invalid login credentials.' } };
const bearer = ({ headers }) => headers.authorization;

/** A token manager for a double, whose tokens come from `give`, and how often it was asked. */
async function managed(t, give = async () => 'token', options) {
  const double = await startDouble(t);
  const asked = { count: 0 };
  const getAccessToken = (...args) => {
    asked.count += 1;
    return give(asked.count, ...args);
  };
  const manager = new GuestTokenManager(double.url, getAccessToken, options);
  t.after(() => manager.close({ timeoutMs: 0 }));
  return { double, manager, asked };
}

describe('OAuthManager', () => {
  test('fetches one token for all who ask, and hands its method around', async (t) => {
    const double = await startDouble(t);
    const manager = new OAuthManager(configOf(double));
    t.after(() => manager.close());
    const { getAccessToken } = manager;
    const calls = [
      getAccessToken(),
      getAccessToken.bind({})(),
      manager.getAccessToken(),
      getAccessToken.call(undefined),
    ];
    assert.deepEqual(new Set(await Promise.all(calls)), new Set(['access-1']));
    assert.deepEqual(await Promise.all(['x', 'y'].map(manager.getAccessToken)), ['access-1', 'access-1']);
    assert.equal(double.of('token').length, 1);
  });

  test('keeps its own tokens, apart from those of others', async (t) => {
    const double = await startDouble(t);
    const managers = [1, 2].map((i) => new OAuthManager({ ...configOf(double), clientId: `client ${i}&` }));
    t.after(() => Promise.all(managers.map((manager) => manager.close())));
    assert.deepEqual(
      [await managers[0].getAccessToken(), await managers[1].getAccessToken(), await managers[0].getAccessToken()],
      ['access-1', 'access-2', 'access-1'],
    );
    assert.deepEqual(
      double.of('token').map(({ body }) => new URLSearchParams(body).get('client_id')),
      ['client 1&', 'client 2&'],
    );
  });

  test('tries again what may pass, and not what will not', async (t) => {
    const double = await startDouble(t);
    const manager = new OAuthManager({ ...configOf(double), maxRetries: 2 });
    t.after(() => manager.close());
    double.next('token', { status: 500 }, (exchange) => exchange.drop());
    assert.equal(await manager.getAccessToken(), 'access-1');
    const other = new OAuthManager({ ...configOf(double), maxRetries: 2 });
    double.next('token', { status: 400, body: { error: 'invalid_client' } });
    const error = await failure(other.getAccessToken(), pkg.OAuthError, 'OAUTH_FAILED');
    assert.equal(error.message, 'OAuth token acquisition failed: 400 {"error":"invalid_client"}');
    assert.equal(double.of('token').length, 4);
  });

  test('refuses answers that hold no usable token', async (t) => {
    const double = await startDouble(t);
    const bodies = ['', 'null', '{}', '{"access_token":5}', '{"access_token":""}', '{"access_token":"a\\nb"}', '[]'];
    for (const body of bodies) {
      double.next('token', { body });
      const manager = new OAuthManager(configOf(double));
      const error = await failure(manager.getAccessToken(), pkg.OAuthError, 'OAUTH_FAILED');
      assert.equal(error.cause.message, 'the answer holds no usable access_token');
    }
  });
});

describe('GuestTokenManager', () => {
  test('creates a guest and refreshes its token, as in the tutorial', async (t) => {
    const double = await startDouble(t);
    const oauth = new OAuthManager(configOf(double));
    // What the tutorial's authenticator does: bound to an object that is not the manager.
    const manager = new GuestTokenManager(double.url, oauth.getAccessToken.bind({ config: undefined }));
    t.after(() => Promise.all([manager.close(), oauth.close()]));
    const payload = guest({ name: 'Jane', attributes: { a: 1 } });
    const guestData = await manager.createGuestSession(payload);
    assert.equal(guestData.token, double.sign('body-1'));
    assert.equal(await manager.rotateRefreshToken(guestData.refreshToken), double.sign('fresh-1'));
    assert.equal(double.of('create')[0].body, JSON.stringify(payload));
    assert.deepEqual(double.counts, { token: 1, create: 1, refresh: 1 });
    for (const exchange of double.exchanges.slice(1)) assert.equal(bearer(exchange), 'Bearer access-1');
  });

  test('asks for a token once a call, and once more after a 401', async (t) => {
    const { double, manager, asked } = await managed(t, async (count) => `token-${count}`);
    await manager.createGuestSession(guest());
    await manager.createGuestSession(guest());
    assert.equal(asked.count, 2);
    double.next('create', refused);
    await manager.createGuestSession(guest());
    assert.equal(asked.count, 4);
    assert.deepEqual(
      double.of('create').map(bearer),
      [1, 2, 3, 4].map((number) => `Bearer token-${number}`),
    );
    double.next('create', refused, refused);
    const error = await failure(manager.createGuestSession(guest()), pkg.GuestCreationError);
    assert.deepEqual([error.status, error.attempts, asked.count], [401, 2, 6]);
    double.next('refresh', refused);
    await manager.rotateRefreshToken('token');
    assert.equal(asked.count, 8);
  });

  test('asks with nothing, and takes what any thenable gives', async (t) => {
    const seen = [];
    const { manager } = await managed(t, (_count, ...args) => {
      seen.push(args);
      // biome-ignore lint/suspicious/noThenProperty: that is what is tried
      return { then: (resolve) => resolve('token') };
    });
    await manager.createGuestSession(guest());
    assert.deepEqual(seen, [[]]);
  });

  const own = new RangeError('of the caller');
  const failing = {
    'an error that is thrown': [() => raise(own), own],
    'an error that is rejected with': [async () => raise(own), own],
    'a text that is rejected with': [() => Promise.reject('text'), 'text'],
    'undefined that is rejected with': [() => Promise.reject(undefined), undefined],
    'null that is thrown': [() => raise(null), null],
  };
  for (const [what, [give, wanted]] of Object.entries(failing)) {
    test(`rejects with the error of getAccessToken itself: ${what}`, async (t) => {
      const { double, manager } = await managed(t, give);
      const caught = [];
      const note = (error) => caught.push(error);
      await Promise.all([
        manager.createGuestSession(guest()).catch(note),
        manager.rotateRefreshToken('token').catch(note),
        manager.rotateRefreshToken('token').catch(note),
      ]);
      assert.deepEqual([caught.length, new Set(caught)], [3, new Set([wanted])]);
      assert.equal(double.exchanges.length, 0);
    });
  }

  function raise(error) {
    throw error;
  }

  test('rejects with its error also after a 401', async (t) => {
    const give = async (count) => (count === 1 ? 'token' : raise(own));
    const { double, manager } = await managed(t, give);
    double.next('create', refused);
    await assert.rejects(manager.createGuestSession(guest()), (error) => error === own);
  });

  test('refuses what is no token', async (t) => {
    for (const [i, wrong] of [undefined, null, 5, {}, [], Symbol('x')].entries()) {
      const { double, manager } = await managed(t, async () => wrong);
      const error = await manager.createGuestSession(guest()).catch((reason) => reason);
      assert.ok(error instanceof TypeError, `${i}: ${error}`);
      assert.match(error.message, /getAccessToken/);
      assert.equal(double.exchanges.length, 0);
    }
    for (const wrong of ['a\nb', 'a\u0000b', '']) {
      const { double, manager } = await managed(t, async () => wrong);
      await failure(manager.createGuestSession(guest()), pkg.OAuthError, 'OAUTH_FAILED');
      assert.equal(double.exchanges.length, 0);
    }
  });

  test('does not wait for a token for longer than its whole time', async (t) => {
    const { manager } = await managed(t, () => new Promise(() => {}), { timeouts: { totalMs: 50 } });
    const call = failure(manager.createGuestSession(guest()), pkg.TimeoutError, 'TIMEOUT');
    let ended = false;
    call.finally(() => {
      ended = true;
    });
    await until(() => ended, 'the call gives up', 10_000);
    await call;
  });

  test('validates what it sends, and guards against nothing', async (t) => {
    const { double, manager, asked } = await managed(t);
    const error = await failure(manager.createGuestSession({ email: 'nobody' }), pkg.GuestValidationError);
    assert.equal(error.issues.length, 3);
    assert.deepEqual([asked.count, double.exchanges.length], [0, 0]);
    const payload = guest();
    await manager.createGuestSession(payload);
    await manager.createGuestSession(payload);
    assert.equal(double.of('create').length, 2);
  });

  test('verifies signatures, with a key of its own if it has one', async (t) => {
    const { double, manager } = await managed(t, undefined, { tokenSigningKey: 'own key' });
    await failure(manager.createGuestSession(guest()), pkg.TokenSignatureError, 'SIGNATURE_INVALID');
    double.signingKey = 'own key';
    await manager.createGuestSession(guest());
    await manager.rotateRefreshToken('token');
  });

  test('has the errors of the authenticator', async (t) => {
    const { double, manager } = await managed(t, undefined, { maxRetries: 0 });
    const codes = { 403: pkg.GuestForbiddenError, 409: pkg.GuestConflictError, 429: pkg.RateLimitedError };
    for (const [status, Class] of Object.entries(codes)) {
      double.next('create', { status: Number(status), headers: { 'Retry-After': '0' }, body: {} });
      await failure(manager.createGuestSession(guest()), Class, Class.code);
    }
    double.next('refresh', { status: 400, body: 'used up' });
    const error = await failure(manager.rotateRefreshToken('token'), pkg.TokenRefreshError);
    assert.equal(error.message, 'Guest token refresh failed: 400 used up');
  });
});

describe('GuestContextEnricher', () => {
  const guestData = { guestId: 'guest/1', token: 'body.signature', expiresIn: 900, refreshToken: 'refresh' };
  const payload = { email: 'Jane@Example.com', consent: true, channelId: 'web', attributes: { a: 1, tier: 'none' } };

  /** An enricher as the tutorial makes it, and its audit records. */
  async function enriching(t, options) {
    const double = await startDouble(t);
    const audits = [];
    const log = (record) => audits.push(record);
    const api = options && { environment: double.url, getAccessToken: async () => 'token', ...options };
    const enricher = new GuestContextEnricher(`${double.url}/crm`, `${double.url}/hook`, log, api);
    t.after(() => enricher.close({ timeoutMs: 0 }));
    return { double, enricher, audits };
  }

  test('looks up, reports and audits, as in the tutorial', async (t) => {
    const { double, enricher, audits } = await enriching(t);
    const analytics = await enricher.enrichAndSync(guestData, payload);
    const [webhook] = await double.arrival('webhook');
    const { authLatencyMs, timestamp, ...rest } = analytics;
    assert.deepEqual(rest, { guestId: 'guest/1', email: 'Jane@Example.com', channelId: 'web', crmTier: 'gold' });
    assert.ok(Number.isInteger(authLatencyMs) && !Number.isNaN(Date.parse(timestamp)));
    assert.deepEqual(webhook.json, analytics);
    assert.equal(double.of('crm')[0].url, '/crm/profiles?email=Jane%40Example.com');
    const { timestamp: audited, latencyMs, ...record } = audits[0];
    assert.ok(audited && Number.isInteger(latencyMs));
    assert.deepEqual(record, {
      event: 'guest.authentication',
      guestId: 'guest/1',
      email: 'J***@Example.com',
      consent: true,
      channelId: 'web',
      tokenExpiry: 900,
      enrichment: 'skipped',
      complianceFlags: { gdprConsentRecorded: true, dataMinimizationApplied: true, auditTrailGenerated: true },
    });
    assert.deepEqual(double.counts, { crm: 1, webhook: 1 });
  });

  test('writes the attributes where it can', async (t) => {
    const { double, enricher, audits } = await enriching(t, {});
    double.next('attributes', refused);
    await enricher.enrichAndSync(guestData, payload);
    const [first, second] = double.of('attributes');
    assert.equal(second.url, '/api/v2/engagements/guests/guest%2F1');
    assert.deepEqual([bearer(first), bearer(second)], ['Bearer token', 'Bearer token']);
    assert.deepEqual(Object.keys(second.json.attributes), [
      'a',
      'tier',
      'customerId',
      'lastInteraction',
      'consentTimestamp',
      'authMethod',
      'sessionVersion',
    ]);
    assert.equal(second.json.attributes.tier, 'gold');
    assert.equal(audits[0].enrichment, 'applied');
  });

  test('rejects for no failure of the CRM, the attributes, the token or the webhook', async (t) => {
    const failing = async () => {
      throw new Error('no token');
    };
    const { double, enricher, audits } = await enriching(t, { maxRetries: 0, getAccessToken: failing });
    double.always('webhook', { status: 400 });
    assert.equal((await enricher.enrichAndSync(guestData, payload)).crmTier, 'gold');
    assert.equal(audits[0].enrichment, 'failed');
    double.always('crm', { status: 500 });
    assert.equal((await enricher.enrichAndSync(guestData, payload)).crmTier, null);
    assert.equal(audits[1].enrichment, 'unavailable');
  });

  test('tells the truth about consent, and hashes with the secret that it is given', async (t) => {
    const { enricher, audits } = await enriching(t, { auditEmail: 'hashed', clientSecret: 'secret' });
    await enricher.enrichAndSync(guestData, { ...payload, consent: false });
    const [{ consent, complianceFlags, email }] = audits;
    assert.deepEqual([consent, complianceFlags.gdprConsentRecorded], [false, false]);
    assert.match(email, /^[0-9a-f]{64}$/);
  });

  test('works without CRM and webhook', async (t) => {
    const audits = [];
    const enricher = new GuestContextEnricher('', '', (record) => audits.push(record));
    t.after(() => enricher.close());
    const { crmTier, guestId } = await enricher.enrichAndSync(guestData, payload);
    assert.deepEqual([crmTier, guestId, audits.length], [null, 'guest/1', 1]);
  });

  test('refuses what is no object, by name', async (t) => {
    const { double, enricher, audits } = await enriching(t);
    for (const wrong of [undefined, null, 5, 'text', [], () => {}]) {
      await assert.rejects(enricher.enrichAndSync(wrong, payload), { name: 'TypeError', message: /guestData/ });
      await assert.rejects(enricher.enrichAndSync(guestData, wrong), { name: 'TypeError', message: /requestPayload/ });
    }
    const cycle = { ...payload, attributes: {} };
    cycle.attributes.self = cycle;
    await assert.rejects(enricher.enrichAndSync(guestData, cycle), TypeError);
    assert.deepEqual([double.exchanges.length, audits.length], [0, 0]);
  });
});

describe('DuplicateSessionGuard', () => {
  test('keeps a key until it is invalidated', () => {
    const guard = new DuplicateSessionGuard();
    const key = guard.getSessionKey('Jane@Example.com', 'web');
    assert.equal(key, 'jane@example.com::web');
    assert.deepEqual(
      [1, 2, 3].map((id) => guard.checkDuplicate(key, `guest-${id}`)),
      [false, true, true],
    );
    assert.equal(guard.checkDuplicate(guard.getSessionKey('jane@example.com', 'Web'), 'guest'), false);
    assert.equal(guard.invalidate(key), undefined);
    assert.equal(guard.checkDuplicate(key, 'guest-4'), false);
    guard.invalidate('unknown');
  });

  test('knows only its own keys', () => {
    const guards = [new DuplicateSessionGuard(), new DuplicateSessionGuard()];
    for (const guard of guards) assert.equal(guard.checkDuplicate('key', 'guest'), false);
    guards[0].invalidate('key');
    assert.deepEqual(
      guards.map((guard) => guard.checkDuplicate('key', 'guest')),
      [false, true],
    );
  });

  test('takes keys of any kind of text', () => {
    const guard = new DuplicateSessionGuard();
    for (const key of ['', '::', '__proto__', 'constructor', 'x'.repeat(100_000), '😀', 'a\u0000b', 'a']) {
      assert.deepEqual([guard.checkDuplicate(key, 'guest'), guard.checkDuplicate(key, 'guest')], [false, true]);
    }
  });
});

test('the parts together are the tutorial’s service', async (t) => {
  const { double } = await setup(t);
  const audits = [];
  const oauth = new OAuthManager(configOf(double));
  const tokens = new GuestTokenManager(double.url, oauth.getAccessToken.bind(this));
  const guard = new DuplicateSessionGuard();
  const enricher = new GuestContextEnricher(`${double.url}/crm`, `${double.url}/hook`, (log) => audits.push(log));
  const authenticate = async (payload) => {
    const validated = pkg.GuestRequestSchema.parse(payload);
    const sessionKey = guard.getSessionKey(validated.email, validated.channelId);
    if (guard.checkDuplicate(sessionKey, 'id')) throw new Error('Duplicate');
    const guestData = await tokens.createGuestSession(validated);
    return { guestData, analytics: await enricher.enrichAndSync(guestData, validated) };
  };
  const payload = guest();
  const { guestData, analytics } = await authenticate(payload);
  assert.deepEqual([guestData.email, analytics.guestId, audits.length], [payload.email, guestData.guestId, 1]);
  await assert.rejects(authenticate(payload), /Duplicate/);
  await Promise.all([oauth, tokens, enricher].map((part) => part.close()));
  assert.deepEqual(double.counts, { token: 1, create: 1, crm: 1, webhook: 1 });
});
