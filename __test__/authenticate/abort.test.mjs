// AbortSignal on every async method: the promise rejects with the signal's reason at once, the request is cancelled, and
// nothing stays behind: no reservation, no listener.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { failure, guest, pkg, setup, until, warningsOf } from '../helpers/setup.mjs';

const { DuplicateSessionError, GuestContextEnricher, GuestTokenManager } = pkg;

const throttled = { status: 429, headers: { 'Retry-After': '50' }, body: {} };

/** Rejects with exactly this. */
async function rejectsWith(promise, reason) {
  const outcome = await promise.then(
    (value) => assert.fail(`resolved: ${JSON.stringify(value)}`),
    (thrown) => ({ thrown }),
  );
  assert.ok(Object.is(outcome.thrown, reason), `${String(outcome.thrown)} instead of ${String(reason)}`);
}

function assertNoListeners(signal) {
  assert.equal(getEventListeners(signal, 'abort').length, 0);
}

/** Every method that takes a signal, as a call that waits for the server until `release()`. */
const methods = {
  authenticateGuest: ['create', ({ auth }, options) => auth.authenticateGuest(guest(), options)],
  rotateRefreshToken: ['refresh', ({ auth }, options) => auth.rotateRefreshToken('token', options)],
  getAccessToken: ['token', ({ auth }, options) => auth.getAccessToken(options)],
  warmUp: ['token', ({ auth }, options) => auth.warmUp(options)],
  createGuestSession: ['create', ({ manager }, options) => manager.createGuestSession(guest(), options)],
  'rotateRefreshToken of the token manager': [
    'refresh',
    ({ manager }, options) => manager.rotateRefreshToken('token', options),
  ],
  enrichAndSync: ['crm', ({ enricher }, options) => enricher.enrichAndSync({ guestId: 'g' }, guest(), options)],
};

async function everything(t) {
  const context = await setup(t, { crm: true });
  const { url } = context.double;
  const manager = new GuestTokenManager(url, async () => 'token');
  const enricher = new GuestContextEnricher(`${url}/crm`, '', () => {});
  t.after(() => Promise.all([manager.close({ timeoutMs: 0 }), enricher.close({ timeoutMs: 0 })]));
  return { ...context, manager, enricher };
}

describe('a signal', () => {
  const reasons = [undefined, null, 0, '', 'text', false, 1n, Symbol('why'), {}, () => {}, new RangeError('own')];

  for (const [name, [route, call]] of Object.entries(methods)) {
    test(`that is aborted before ${name}: nothing is sent`, async (t) => {
      const context = await everything(t);
      for (const reason of reasons) {
        const signal = AbortSignal.abort(reason);
        await rejectsWith(call(context, { signal }), signal.reason);
        assertNoListeners(signal);
      }
      assert.equal(context.double.sockets.size, 0);
      assert.equal(context.auth.metrics().liveSessions, 0);
    });

    test(`that is aborted during ${name}: its reason is what rejects`, async (t) => {
      const context = await everything(t);
      const held = context.double.hold(route);
      for (const [i, reason] of reasons.entries()) {
        const controller = new AbortController();
        const promise = call(context, { signal: controller.signal });
        // Token requests and refreshes are shared: they go on for those who come later.
        await context.double.arrival(route, ['token', 'refresh'].includes(route) ? 1 : i + 1);
        controller.abort(reason);
        await rejectsWith(promise, controller.signal.reason);
        assertNoListeners(controller.signal);
      }
      held.release();
      await call(context, { signal: new AbortController().signal });
    });

    test(`that is aborted after ${name} has no effect`, async (t) => {
      const context = await everything(t);
      const controller = new AbortController();
      await call(context, { signal: controller.signal });
      assertNoListeners(controller.signal);
      controller.abort();
      assert.equal(context.auth.metrics().liveSessions, name === 'authenticateGuest' ? 1 : 0);
    });
  }

  test('that is aborted before invalidateSession: the session stays', async (t) => {
    const { auth, audits } = await setup(t);
    const payload = guest();
    await auth.authenticateGuest(payload);
    const signal = AbortSignal.abort('why');
    await rejectsWith(auth.invalidateSession(auth.getSessionKey(payload.email, 'web'), { signal }), 'why');
    await failure(auth.authenticateGuest(payload), DuplicateSessionError);
    assert.ok(audits.every(({ event }) => event !== 'guest.session.invalidated'));
  });

  test('of AbortSignal.timeout ends a call with its TimeoutError', async (t) => {
    const { double, auth } = await setup(t);
    double.hold('create');
    const signal = AbortSignal.timeout(30);
    const error = await auth.authenticateGuest(guest(), { signal }).catch((reason) => reason);
    assert.equal(error, signal.reason);
    assert.deepEqual([error.name, error instanceof DOMException], ['TimeoutError', true]);
  });

  test('that the payload itself aborts while it is read ends the call', async (t) => {
    const { auth } = await setup(t);
    const controller = new AbortController();
    const payload = {
      ...guest(),
      get attributes() {
        controller.abort('from inside');
        return {};
      },
    };
    await rejectsWith(auth.authenticateGuest(payload, { signal: controller.signal }), 'from inside');
    assert.equal(auth.metrics().liveSessions, 0);
    assertNoListeners(controller.signal);
  });
});

/** By step: what holds the call there, and how many requests of the route there are then. */
const steps = {
  'the token request': { at: 'token', shared: true },
  'the channel check': { at: 'channel', shared: true, config: { preflightChannel: true } },
  'the creation': { at: 'create' },
  'the CRM lookup': { at: 'crm' },
  'the update of the attributes': { at: 'attributes' },
};

describe('authenticateGuest, aborted during', () => {
  for (const [what, { at, shared, config }] of Object.entries(steps)) {
    test(`${what}: rejects, cancels the request, frees the key`, async (t) => {
      const { double, auth, audits } = await setup(t, { crm: true, ...config });
      const held = double.hold(at);
      const payload = guest();
      const controller = new AbortController();
      const call = auth.authenticateGuest(payload, { signal: controller.signal });
      const [exchange] = await double.arrival(at);
      await failure(auth.authenticateGuest(payload), DuplicateSessionError);
      controller.abort('stop');
      await rejectsWith(call, 'stop');
      assert.equal(auth.metrics().liveSessions, 0);
      assert.equal(audits.at(-1).code, 'ABORTED');
      // What others may be waiting for goes on; all else is cancelled, as the server sees.
      if (!shared) await exchange.cancelled;
      const again = auth.authenticateGuest(payload);
      held.release();
      assert.equal((await again).guestData.email, payload.email);
      assertNoListeners(controller.signal);
    });
  }

  test('the update of the attributes: the guest that exists now is found again', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    const live = new Set();
    // As Genesys does: one guest for an address and a channel.
    double.always('create', ({ json }) => {
      if (live.has(json.email)) return { status: 409, body: { code: 'conflict' } };
      live.add(json.email);
      return { body: double.guest(json) };
    });
    const held = double.hold('attributes');
    const payload = guest();
    const controller = new AbortController();
    const call = auth.authenticateGuest(payload, { signal: controller.signal });
    await double.arrival('attributes');
    controller.abort('stop');
    await rejectsWith(call, 'stop');
    held.release();
    const { guestData } = await auth.authenticateGuest(payload);
    assert.equal(guestData.guestId, 'guest-1');
  });

  test('its wait for maxConcurrency: never sent, and the others go on', async (t) => {
    const { double, auth } = await setup(t, { maxConcurrency: 1 });
    const held = double.hold('create');
    const first = auth.authenticateGuest(guest());
    await double.arrival('create');
    const payload = guest();
    const controller = new AbortController();
    const second = auth.authenticateGuest(payload, { signal: controller.signal });
    const third = auth.authenticateGuest(guest());
    await failure(auth.authenticateGuest(payload), DuplicateSessionError);
    assert.equal(auth.metrics().queued, 2);
    controller.abort('stop');
    await rejectsWith(second, 'stop');
    assert.deepEqual([auth.metrics().liveSessions, auth.metrics().queued], [2, 1]);
    held.release();
    await Promise.all([first, third]);
    assert.equal(double.of('create').length, 2);
    await auth.authenticateGuest(payload);
  });

  test('its wait for the end of a pause that a 429 began: never sent', async (t) => {
    const { double, auth } = await setup(t);
    double.always('create', throttled);
    const controllers = [1, 2, 3].map(() => new AbortController());
    const payload = guest();
    const begin = (own, { signal }) => auth.authenticateGuest(own, { signal }).catch((reason) => reason);
    // The others come later: theirs could be on its way already when the pause begins.
    const calls = [begin(payload, controllers[0])];
    await until(() => auth.metrics().throttled > 0, 'the pause has begun');
    calls.push(...controllers.slice(1).map((controller) => begin(guest(), controller)));
    await until(() => auth.metrics().liveSessions === 3, 'all of them hold their keys');
    for (const [i, controller] of controllers.entries()) controller.abort(i);
    assert.deepEqual(await Promise.all(calls), [0, 1, 2]);
    const sent = double.of('create').length;
    assert.equal(sent, 1);
    const { liveSessions, inFlight, queued } = auth.metrics();
    assert.deepEqual([liveSessions, inFlight, queued], [0, 0, 0]);
    // The key is free: a second call waits as well, and is no duplicate.
    const again = new AbortController();
    const waiting = auth.authenticateGuest(payload, { signal: again.signal });
    await until(() => auth.metrics().liveSessions === 1, 'the key is reserved again');
    again.abort('enough');
    await rejectsWith(waiting, 'enough');
    assert.equal(double.of('create').length, sent);
  });

  test('its wait before a retry: not sent again', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    double.always('attributes', { status: 503, headers: { 'Retry-After': '50' }, body: {} });
    const controller = new AbortController();
    const call = auth.authenticateGuest(guest(), { signal: controller.signal });
    await double.arrival('attributes');
    controller.abort('stop');
    await rejectsWith(call, 'stop');
    assert.equal(double.of('attributes').length, 1);
  });
});

describe('a call that is done before JavaScript hears of it', () => {
  test('is aborted all the same: the reason is what rejects, and the key is free', async (t) => {
    const sandbox = await startSandbox();
    t.after(() => sandbox.close());
    const audits = [];
    const config = sandbox.config({ auditLogCallback: (record) => audits.push(record) });
    const auth = new pkg.GuestAuthenticator(config);
    t.after(() => auth.close());
    await auth.warmUp();
    const payload = guest();
    const controller = new AbortController();
    const call = auth.authenticateGuest(payload, { signal: controller.signal });
    // This thread stands still; the other one goes on, until the server has seen all there is to see.
    const begun = performance.now();
    while (auth.metrics().authenticated === 0 && performance.now() - begun < 20_000) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
    assert.equal(auth.metrics().authenticated, 1);
    controller.abort('too late');
    await rejectsWith(call, 'too late');
    assertNoListeners(controller.signal);
    assert.equal(auth.metrics().liveSessions, 0);
    // The trail tells what is true of the guest, not of the promise.
    assert.deepEqual(
      audits.map(({ event }) => event),
      ['guest.authentication'],
    );
    // The server knows that guest; it is found again.
    const { guestData } = await auth.authenticateGuest(payload);
    assert.equal(guestData.email, payload.email);
    const { guestsCreated } = await sandbox.state();
    assert.equal(guestsCreated, 1);
  });
});

describe('one signal for many calls', () => {
  test('leaves nothing behind after 3000 of them, and no warning', async (t) => {
    const { auth } = await setup(t);
    const warnings = warningsOf(t);
    const { signal } = new AbortController();
    const counted = { added: 0, removed: 0 };
    for (const [method, count] of [
      ['addEventListener', 'added'],
      ['removeEventListener', 'removed'],
    ]) {
      t.mock.method(signal, method, function counting(...args) {
        counted[count] += 1;
        return EventTarget.prototype[method].apply(this, args);
      });
    }
    for (let batch = 0; batch < 10; batch++) {
      const calls = Array.from({ length: 300 }, () => auth.authenticateGuest(guest(), { signal }));
      assert.ok(getEventListeners(signal, 'abort').length > 0);
      await Promise.all(calls);
      assertNoListeners(signal);
    }
    assert.ok(counted.added > 0);
    assert.equal(counted.added, counted.removed);
    await new Promise(setImmediate);
    assert.deepEqual(warnings, []);
  });

  test('ends all of them at once', async (t) => {
    const { double, auth } = await setup(t, { maxConcurrency: 20 });
    double.hold('create');
    const controller = new AbortController();
    const calls = Array.from({ length: 1000 }, () => auth.authenticateGuest(guest(), { signal: controller.signal }));
    await double.arrival('create', 20);
    controller.abort('all');
    const outcomes = await Promise.allSettled(calls);
    assert.ok(outcomes.every(({ status, reason }) => status === 'rejected' && reason === 'all'));
    const { liveSessions, inFlight, queued } = auth.metrics();
    assert.deepEqual([liveSessions, inFlight, queued], [0, 0, 0]);
    assert.equal(double.of('create').length, 20);
    assertNoListeners(controller.signal);
  });

  test('takes a shared token request from nobody else', async (t) => {
    const { double, auth } = await setup(t);
    const held = double.hold('token');
    const controller = new AbortController();
    const gone = auth.getAccessToken({ signal: controller.signal });
    const stays = auth.getAccessToken();
    await double.arrival('token');
    controller.abort('gone');
    await rejectsWith(gone, 'gone');
    held.release();
    assert.equal(await stays, 'access-1');
    assert.equal(double.of('token').length, 1);
  });
});
