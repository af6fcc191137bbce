// Faults that come together, one after another, or at a moment that the table has no column for.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { failure, guest, pkg, until } from '../helpers/setup.mjs';
import { ENDPOINTS } from './endpoints.mjs';
import { ca, Front } from './front.mjs';
import { Pool } from './pool.mjs';

const FOREVER_MS = 60_000;

/** An instance for a sandbox, without CRM and webhook unless a test wants them. */
function instance(sandbox, config = {}) {
  const quiet = { crmBaseUrl: undefined, analyticsWebhookUrl: undefined, auditLogCallback: () => {} };
  return new pkg.GuestAuthenticator({
    ...sandbox.config(quiet),
    retryBaseDelayMs: 5,
    retryMaxDelayMs: 5,
    ...config,
  });
}

describe('faults in sequence', { concurrency: 4 }, () => {
  let pool;
  before(async () => {
    pool = await Pool.start(4);
  });
  after(() => pool.close());

  const scenario = (name, play) => test(name, () => pool.with(play));

  scenario('a CRM that hangs beyond the end of the call costs the profile, not the guest', async (sandbox) => {
    const auth = instance(sandbox, { crmBaseUrl: sandbox.crm, timeouts: { totalMs: 500, crmMs: 5000 } });
    await sandbox.fault({ route: 'crm', delayMs: FOREVER_MS });
    const payload = guest();
    const { guestData } = await auth.authenticateGuest(payload);
    assert.equal(guestData.email, payload.email);
    assert.equal(auth.metrics().crmFailures, 1);
    await auth.close();
  });

  scenario('an error counts every request that led to it', async (sandbox) => {
    const auth = instance(sandbox);
    const busy = { status: 503, headers: { 'retry-after': 0 } };
    await sandbox.fault({ ...busy, route: 'token' }, { route: 'token', body: {} });
    const login = await failure(auth.authenticateGuest(guest()), pkg.OAuthError);
    assert.deepEqual([login.status, login.attempts], [200, 2]);
    await sandbox.fault({ ...busy, route: 'create', count: 2 }, { route: 'create', body: {} });
    const creation = await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError);
    assert.deepEqual([creation.status, creation.attempts], [200, 3]);
    await auth.close();
  });

  scenario('a Retry-After that is too long ends the call at once, whatever the status', async (sandbox) => {
    const auth = instance(sandbox);
    await sandbox.fault({ route: 'create', status: 503, headers: { 'retry-after': 61 } });
    const error = await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError, 'GUEST_CREATION_FAILED');
    const { status, attempts, retryable, retryAfterMs } = error;
    assert.deepEqual(
      { status, attempts, retryable, retryAfterMs },
      { status: 503, attempts: 1, retryable: true, retryAfterMs: 61_000 },
    );
    await auth.close();
  });

  scenario('a refused token, a throttle and an outage one after another are all overcome', async (sandbox) => {
    const auth = instance(sandbox, { crmBaseUrl: sandbox.crm });
    await sandbox.fault(
      { route: 'token', status: 500 },
      { route: 'create', status: 429, headers: { 'retry-after': 0 } },
      { route: 'create', status: 401 },
      { route: 'create', status: 503, headers: { 'retry-after': 0 } },
      { route: 'attributes', status: 500 },
      { route: 'attributes', drop: 'before' },
    );
    await auth.authenticateGuest(guest());
    const { routes } = await sandbox.counts();
    assert.deepEqual([routes.token.total, routes.create.total, routes.attributes.total], [3, 4, 3]);
    const { guestsCreated, guests } = await sandbox.state();
    assert.deepEqual([guestsCreated, guests[0].updates], [1, 1]);
    await auth.close();
  });

  scenario('an idle connection that the server closes is replaced without a word', async (sandbox) => {
    const front = await new Front(sandbox.url).listen();
    const auth = instance(sandbox, { apiUrl: front.url, ca });
    for (let round = 0; round < 3; round++) {
      await auth.authenticateGuest(guest());
      for (const socket of front.sockets) socket.end();
      await until(() => front.sockets.size === 0, 'the client closes its side');
    }
    assert.equal((await sandbox.counts()).routes.create.total, 3);
    assert.equal(auth.metrics().retries, 0);
    await auth.close();
    await front.close();
  });

  scenario('calls that never left the queue can be made again', async (sandbox) => {
    const auth = instance(sandbox, { maxConcurrency: 1, timeouts: { totalMs: 300 } });
    await sandbox.fault({ route: 'create', delayMs: FOREVER_MS, count: null });
    const calls = Array.from({ length: 20 }, () => failure(auth.authenticateGuest(guest()), pkg.TimeoutError));
    const unsent = (await Promise.all(calls)).filter(({ retryable }) => retryable).length;
    const sent = (await sandbox.counts()).routes.create.total;
    // The place of the first one becomes free at the moment at which the others end; one of them may just get through.
    assert.ok(unsent >= calls.length / 2 && unsent + sent <= calls.length, `${unsent} unsent, ${sent} sent`);
    assert.equal(auth.metrics().liveSessions, 0);
    await auth.close();
  });

  scenario('under a total outage the load stays below one and a fifth of the calls', async (sandbox) => {
    const auth = instance(sandbox, { maxRetries: 3 });
    await sandbox.fault({ route: 'create', status: 503, headers: { 'retry-after': 0 }, count: null });
    const calls = 500;
    const outcomes = await Promise.allSettled(Array.from({ length: calls }, () => auth.authenticateGuest(guest())));
    assert.ok(outcomes.every(({ reason }) => reason?.code === 'GUEST_CREATION_FAILED'));
    const { total } = (await sandbox.counts()).routes.create;
    assert.ok(total < calls * 1.2, `${total} requests for ${calls} calls`);
    assert.equal(auth.metrics().liveSessions, 0);
    await auth.close();
  });

  /** What the same call comes to after it was aborted at each place: the guest may exist, and may be known. */
  const aborted = { token: 'ok', create: 'CONFLICT', refresh: 'CONFLICT', attributes: 'ok', channel: 'ok', crm: 'ok' };
  for (const [endpoint, again] of Object.entries(aborted)) {
    scenario(`${ENDPOINTS[endpoint].title}: a caller that goes away leaves nothing behind`, async (sandbox) => {
      const { call, config } = ENDPOINTS[endpoint];
      const run = { payload: guest() };
      if (endpoint === 'refresh') {
        const other = instance(sandbox);
        run.refreshToken = (await other.authenticateGuest(run.payload)).guestData.refreshToken;
        await other.close();
      }
      const auth = instance(sandbox, config?.(sandbox));
      await sandbox.fault({ route: endpoint, delayMs: FOREVER_MS });
      const controller = new AbortController();
      const reason = new Error('no longer wanted');
      const promise = call(withSignal(auth, controller.signal), run);
      const counted = async () => (await sandbox.counts()).routes[endpoint];
      await until(async () => (await counted()).inFlight === 1, 'the request is on its way');
      if (endpoint === 'crm') {
        await until(async () => (await sandbox.state({ limit: 0 })).guestsCreated === 1, 'the guest is created');
        await until(() => auth.metrics().inFlight === 0, 'its answer has come');
      }
      controller.abort(reason);
      await assert.rejects(promise, (error) => error === reason);
      await until(async () => (await counted()).inFlight === 0, 'the request is cancelled');
      assert.equal(auth.metrics().liveSessions, 0);
      const second = await call(auth, run).then(
        () => 'ok',
        (error) => error.code,
      );
      assert.equal(second, again);
      await auth.close();
    });
  }
});

/** The two calls of an instance with a signal. */
function withSignal(auth, signal) {
  return {
    authenticateGuest: (payload) => auth.authenticateGuest(payload, { signal }),
    rotateRefreshToken: (refreshToken) => auth.rotateRefreshToken(refreshToken, { signal }),
  };
}
