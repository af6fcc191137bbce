// `reset()`: what an authenticator has learnt from answers is gone, so that tests which share one do not disturb each other.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { configOf, isDuplicate, share } from '../helpers/redis/shared.mjs';
import { failure, guest, pkg, setup, until, warningsOf } from '../helpers/setup.mjs';

const { GuestConflictError, GuestCreationError, RateLimitedError } = pkg;

const busy = { status: 429, headers: { 'retry-after': 60 } };

describe('reset()', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  after(() => sandbox.close());

  async function open(t, changes = {}) {
    await sandbox.reset();
    const auth = new pkg.GuestAuthenticator({
      ...configOf(sandbox),
      sessionStore: undefined,
      auditLogCallback() {},
      ...changes,
    });
    t.after(() => auth.close({ timeoutMs: 0 }));
    return auth;
  }

  test('ends sessions', async (t) => {
    const auth = await open(t);
    const payload = guest();
    await auth.authenticateGuest(payload);
    await sandbox.reset();
    await isDuplicate(auth, payload);
    auth.reset();
    assert.equal(auth.metrics().liveSessions, 0);
    await auth.authenticateGuest(payload);
    await isDuplicate(auth, payload);
  });

  test('ends a pause, also for calls that wait for its end', async (t) => {
    const auth = await open(t, { maxRetries: 0, timeouts: { totalMs: 300_000 }, maxRetryAfterMs: 60_000 });
    await sandbox.fault({ route: 'create', ...busy });
    await failure(auth.authenticateGuest(guest()), RateLimitedError);
    const waiting = auth.authenticateGuest(guest());
    auth.reset();
    await waiting;
    await auth.authenticateGuest(guest());
  });

  test('empties the window of a known rate limit', async (t) => {
    const auth = await open(t, { rateLimit: { requests: 2, perMs: 60_000 } });
    for (let i = 0; i < 2; i++) await auth.authenticateGuest(guest());
    await failure(auth.authenticateGuest(guest()), RateLimitedError);
    auth.reset();
    for (let i = 0; i < 2; i++) await auth.authenticateGuest(guest());
    await failure(auth.authenticateGuest(guest()), RateLimitedError);
  });

  test('forgets a limit that answers announce', async (t) => {
    const { double, auth } = await setup(t);
    const announced = { 'inin-ratelimit-count': '300', 'inin-ratelimit-allowed': '300', 'inin-ratelimit-reset': '120' };
    double.next('create', ({ json }) => ({ headers: announced, body: double.guest(json) }));
    await auth.authenticateGuest(guest());
    const waiting = auth.authenticateGuest(guest());
    await until(() => auth.metrics().queued === 1, 'it waits');
    auth.reset();
    await waiting;
  });

  test('fills the retry budget', async (t) => {
    const auth = await open(t, { retryBaseDelayMs: 0 });
    const outage = { route: 'create', status: 503, headers: { 'retry-after': 0 } };
    await sandbox.fault({ ...outage, count: null });
    for (let i = 0; i < 20; i++) await failure(auth.authenticateGuest(guest()), GuestCreationError);
    await sandbox.reset();
    await sandbox.fault(outage);
    await failure(auth.authenticateGuest(guest()), GuestCreationError);
    auth.reset();
    await sandbox.fault(outage);
    await auth.authenticateGuest(guest());
  });

  test('forgets the access token', async (t) => {
    const auth = await open(t);
    const token = await auth.getAccessToken();
    assert.equal(await auth.getAccessToken(), token);
    auth.reset();
    assert.notEqual(await auth.getAccessToken(), token);
  });

  test('forgets guests, and what became of used refresh tokens', async (t) => {
    const auth = await open(t);
    const payload = guest();
    const { guestData } = await auth.authenticateGuest(payload);
    const fresh = await auth.rotateRefreshToken(guestData.refreshToken);
    assert.equal(await auth.rotateRefreshToken(guestData.refreshToken), fresh);
    auth.reset();
    await failure(auth.rotateRefreshToken(guestData.refreshToken), GuestConflictError);
    await failure(auth.authenticateGuest(payload), GuestConflictError);
  });

  test('forgets what channels are like', async (t) => {
    const { double, auth } = await setup(t, { preflightChannel: true });
    await auth.authenticateGuest(guest());
    auth.reset();
    await auth.authenticateGuest(guest());
    assert.equal(double.counts.channel, 2);
  });

  test('lets a CRM that is down be told of again', async (t) => {
    const warnings = warningsOf(t);
    const { double, auth } = await setup(t, { crm: true });
    double.always('crm', { status: 503 });
    for (const isReset of [false, true]) {
      if (isReset) auth.reset();
      for (let i = 0; i < 2; i++) await auth.authenticateGuest(guest());
    }
    await auth.close();
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['CRM_UNAVAILABLE', 'CRM_UNAVAILABLE'],
    );
  });

  test('leaves counters, and lets a call under way go on without a session', async (t) => {
    const { double, auth } = await setup(t);
    const held = double.hold('create');
    const payload = guest();
    const call = auth.authenticateGuest(payload);
    await double.arrival('create');
    auth.reset();
    held.release();
    await call;
    assert.deepEqual([auth.metrics().liveSessions, auth.metrics().authenticated], [0, 1]);
    await auth.authenticateGuest(payload);
    auth.reset();
    await auth.close();
    auth.reset();
  });

  test('leaves what processes share', needsRedis, async (t) => {
    const server = await startServer(t);
    const { open: opened } = await share(t);
    const [one, other] = [opened({ url: server.url }), opened({ url: server.url })];
    const [first, second] = [guest(), guest()];
    await one.authenticateGuest(first);
    await other.authenticateGuest(second);
    one.reset();
    await isDuplicate(one, first);
    await isDuplicate(one, second);
  });
});
