// What may fail without failing the call: the CRM lookup, the attributes, the webhook. And the channel, which may not.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, guest, pkg, setup, warningsOf } from '../helpers/setup.mjs';

const { ChannelUnavailableError, GuestForbiddenError } = pkg;

describe('the CRM', () => {
  const noObject = /: the answer is no JSON object;/;
  // Each with what the warning says, if there is one.
  const faults = {
    'does not know the guest': [{ status: 404, body: {} }],
    'has an error': [{ status: 500, body: {} }, /: status 500;/],
    'refuses the guest': [{ status: 403, body: 'guest@example.com' }, /: status 403;/],
    'is not ready': [{ status: 503, headers: { 'Retry-After': '0' } }, /: status 503;/],
    throttles: [{ status: 429, headers: { 'Retry-After': '0' } }, /: status 429;/],
    redirects: [{ status: 302, headers: { Location: '/crm/elsewhere' } }, /: status 302;/],
    'answers no JSON': [{ body: '<html></html>' }, noObject],
    'answers a list': [{ body: [] }, noObject],
    'answers null': [{ body: 'null' }, noObject],
    'answers nothing': [{ body: '' }, noObject],
    'answers too much': [{ body: { text: 'x'.repeat(1024 * 1024) } }, /: the answer was too large;/],
    'breaks the connection': [(exchange) => exchange.drop(), /: connection closed|reset/],
    'does not answer': [() => undefined, /: no answer within \d+ ms;/],
  };
  for (const [what, [answer, reason]] of Object.entries(faults)) {
    test(`${what}: the guest has no profile`, async (t) => {
      const warnings = warningsOf(t);
      const { double, auth, audits } = await setup(t, { crm: true, timeouts: { crmMs: 250 } });
      double.always('crm', answer);
      const { guestData, analytics } = await auth.authenticateGuest(guest({ attributes: { a: 1 } }));
      assert.equal(guestData.guestId, 'guest-1');
      assert.equal(analytics.crmTier, null);
      assert.equal(audits[0].enrichment, reason ? 'unavailable' : 'skipped');
      const { crmFailures, crmUnavailable } = auth.metrics();
      assert.deepEqual([crmFailures, crmUnavailable], [1, reason ? 1 : 0]);
      // Tried once, and nothing is written without a profile.
      assert.deepEqual(double.counts, { token: 1, create: 1, crm: 1 });
      await auth.close();
      assert.deepEqual(
        warnings.map(({ code }) => code),
        reason ? ['CRM_UNAVAILABLE'] : [],
      );
      for (const { message } of warnings) {
        assert.match(message, reason);
        assert.ok(message.startsWith(`The CRM at ${new URL(double.url).host} gave no usable answer: `), message);
        assert.doesNotMatch(message, /@/);
      }
    });
  }

  test('is not there: the guest has no profile', async (t) => {
    const { auth, audits } = await setup(t, { crmBaseUrl: 'http://127.0.0.1:9/crm' });
    await auth.authenticateGuest(guest());
    assert.deepEqual([audits[0].enrichment, auth.metrics().crmFailures], ['unavailable', 1]);
  });

  test('is not asked about an address that no URL can hold', async (t) => {
    const { double, auth, audits } = await setup(t, { crm: true });
    await auth.authenticateGuest(guest({ email: `a@${'b'.repeat(70_000)}.com` }));
    assert.equal(audits[0].enrichment, 'unavailable');
    assert.deepEqual(double.counts, { token: 1, create: 1 });
  });

  test('is warned of once a minute, however many guests have no profile', async (t) => {
    const warnings = warningsOf(t);
    const { double, auth } = await setup(t, { crm: true });
    double.always('crm', { status: 503 });
    for (let i = 0; i < 10; i++) await auth.authenticateGuest(guest());
    assert.equal(auth.metrics().crmUnavailable, 10);
    await auth.close();
    assert.equal(warnings.length, 1);
  });

  test('is not asked without being configured', async (t) => {
    const { double, auth, audits } = await setup(t);
    await auth.authenticateGuest(guest({ attributes: { a: 1 } }));
    assert.deepEqual(double.counts, { token: 1, create: 1 });
    assert.deepEqual([audits[0].enrichment, auth.metrics().crmFailures], ['skipped', 0]);
  });

  test('is let go when the guest cannot be had', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    double.always('create', { status: 400, body: {} });
    double.hold('crm');
    await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError);
    await double.of('crm')[0]?.cancelled;
  });

  test('may have any fields and any tier', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    double.always('crm', { body: '{"tier":3,"10":"ten","b":1,"2":"two","authMethod":"forged","a":{"deep":[1.0]}}' });
    const { analytics } = await auth.authenticateGuest(guest({ attributes: { b: 0, tier: 'none' } }));
    assert.equal(analytics.crmTier, 3);
    const { body, json } = double.of('attributes')[0];
    const { consentTimestamp } = json.attributes;
    assert.equal(
      body,
      '{"attributes":{"2":"two","10":"ten","b":1,"tier":3,"authMethod":"guest-api","a":{"deep":[1.0]},' +
        `"consentTimestamp":"${consentTimestamp}","sessionVersion":"1.0"}}`,
    );
  });
});

describe('attributes that cannot be written', () => {
  test('are tried again, told of, and do not cost the guest', async (t) => {
    const { double, auth, audits } = await setup(t, { crm: true, maxRetries: 2 });
    double.always('attributes', { status: 500, body: {} });
    const payload = guest();
    const { guestData, analytics } = await auth.authenticateGuest(payload);
    assert.deepEqual([guestData.guestId, analytics.crmTier], ['guest-1', 'gold']);
    assert.equal(audits[0].enrichment, 'failed');
    assert.equal(double.of('attributes').length, 3);
    const { enrichmentFailures, retries, authenticated } = auth.metrics();
    assert.deepEqual([enrichmentFailures, retries, authenticated], [1, 2, 1]);
    await failure(auth.authenticateGuest(payload), pkg.DuplicateSessionError);
  });

  test('are not tried again when they are refused', async (t) => {
    const { double, auth, audits } = await setup(t, { crm: true });
    double.always('attributes', { status: 400, body: {} });
    await auth.authenticateGuest(guest());
    assert.deepEqual([audits[0].enrichment, double.of('attributes').length], ['failed', 1]);
  });

  test('are written at the second attempt', async (t) => {
    const { double, auth, audits } = await setup(t, { crm: true });
    double.next('attributes', (exchange) => exchange.drop(), { status: 401, body: {} });
    await auth.authenticateGuest(guest());
    assert.deepEqual([audits[0].enrichment, double.of('attributes').length], ['applied', 3]);
    assert.equal(new Set(double.of('attributes').map(({ body }) => body)).size, 1);
  });

  test('go to the guest, whatever its id looks like', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    double.next('create', ({ json }) => ({ body: double.guest(json, { guestId: 'a/../b?c#d%20é' }) }));
    await auth.authenticateGuest(guest());
    assert.equal(double.of('attributes')[0].url, '/api/v2/engagements/guests/a%2F..%2Fb%3Fc%23d%2520%C3%A9');
  });
});

describe('the webhook', () => {
  test('gets every event, at a later attempt as well, under one id', async (t) => {
    const { double, auth } = await setup(t, { webhook: true });
    const busy = { status: 503, headers: { 'Retry-After': '0' } };
    double.next('webhook', busy, { ...busy, status: 429 });
    const { analytics } = await auth.authenticateGuest(guest());
    assert.equal(auth.metrics().analytics.delivered, 0);
    await auth.flush();
    const sent = double.of('webhook');
    assert.equal(sent.length, 3);
    for (const { json } of sent) assert.deepEqual(json, analytics);
    assert.equal(new Set(sent.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.deepEqual(auth.metrics().analytics, { pending: 0, delivered: 1, failed: 0 });
  });

  test('is signed as Standard Webhooks wants it', async (t) => {
    const { Webhook } = await import('standardwebhooks');
    const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
    const { double, auth } = await setup(t, { webhook: true, analyticsSigningSecret: secret });
    const { analytics } = await auth.authenticateGuest(guest({ email: 'jane@example.com', channelId: 'wéb' }));
    const [{ body, headers }] = await double.arrival('webhook');
    assert.deepEqual(new Webhook(secret).verify(body, headers), analytics);
    assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
  });
});

describe('with preflightChannel, the channel', () => {
  const unavailable = {
    unknown: { status: 404, body: {} },
    disabled: { body: { id: 'web', enabled: false } },
    inactive: { body: { id: 'web', status: 'inactive' } },
  };
  for (const [what, answer] of Object.entries(unavailable)) {
    test(`is refused when it is ${what}, which is remembered`, async (t) => {
      const { double, auth } = await setup(t, { preflightChannel: true });
      double.next('channel', answer);
      for (let i = 0; i < 2; i++) {
        const error = await failure(
          auth.authenticateGuest(guest({ channelId: 'chat "1"' })),
          ChannelUnavailableError,
          'CHANNEL_UNAVAILABLE',
        );
        assert.match(error.message, /chat "1"/);
      }
      assert.deepEqual(double.counts, { token: 1, channel: 1 });
    });
  }

  test('is asked for once by all who want it, and remembered', async (t) => {
    const { double, auth } = await setup(t, { preflightChannel: true });
    await Promise.all(Array.from({ length: 20 }, () => auth.authenticateGuest(guest())));
    await auth.authenticateGuest(guest());
    await auth.authenticateGuest(guest({ channelId: 'other' }));
    assert.deepEqual(
      double.of('channel').map(({ path }) => path.split('/').at(-1)),
      ['web', 'other'],
    );
    const order = double.exchanges.map(({ route }) => route);
    assert.ok(order.indexOf('channel') < order.indexOf('create'));
  });

  test('is asked for again after a failure, which is no verdict', async (t) => {
    const { double, auth } = await setup(t, { preflightChannel: true, maxRetries: 0 });
    double.next('channel', { status: 403, body: {} }, { status: 500, body: {} });
    await failure(auth.authenticateGuest(guest()), GuestForbiddenError, 'FORBIDDEN');
    await failure(auth.authenticateGuest(guest()), pkg.GuestAuthError);
    await auth.authenticateGuest(guest());
    assert.deepEqual(double.counts, { token: 1, channel: 3, create: 1 });
  });

  test('is not asked for without it', async (t) => {
    const { double, auth } = await setup(t);
    await auth.authenticateGuest(guest());
    assert.equal(double.of('channel').length, 0);
  });
});
