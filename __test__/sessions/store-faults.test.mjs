// A session store of the user's own whose functions throw, reject, never settle, or say nothing sensible.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MapStore, never, only, pair, released } from '../helpers/map-store.mjs';
import { failure, guest, pkg, setup, until, warningsOf } from '../helpers/setup.mjs';

const { DuplicateSessionError, GuestAuthenticator, GuestCreationError, StoreUnavailableError } = pkg;

describe('a store that misbehaves', () => {
  const reason = new Error('the table is gone');
  const faults = {
    'throws at once': [
      () => {
        throw reason;
      },
      /failed$/,
      (cause) => cause === reason,
    ],
    rejects: [() => Promise.reject(reason), /failed$/, (cause) => cause === reason],
    'rejects with nothing': [() => Promise.reject(), /failed$/, (cause) => cause === undefined],
    'never settles': [never, /did not settle within 1000 ms$/, (cause) => cause === undefined],
    'resolves with nothing': [
      async () => {},
      /failed$/,
      (cause) => /reserve must .* got undefined/.test(cause.message),
    ],
    'resolves with a text': [() => 'yes', /failed$/, (cause) => /reserve must .* got string/.test(cause.message)],
  };
  for (const [name, [misbehave, message, isCause]] of Object.entries(faults)) {
    test(`reserve ${name}`, async (t) => {
      const { store, double, one, two } = await pair(t);
      const payload = guest();
      // It has taken the key, and does not say so.
      store.fault = (called, proceed) => {
        const answer = proceed();
        return called === 'reserve' ? misbehave() : answer;
      };
      const error = await failure(one.authenticateGuest(payload), StoreUnavailableError, 'STORE_UNAVAILABLE');
      assert.match(error.message, /^sessionStore\.reserve /);
      assert.match(error.message, message);
      assert.ok(isCause(error.cause), `${error.cause}`);
      assert.equal(error.retryable, true);
      assert.equal(double.counts.create, undefined);
      assert.equal(one.metrics().store.failures, 1);
      await released(store);
      store.fault = undefined;
      await two.authenticateGuest(payload);
      await one.authenticateGuest(guest());
      assert.equal(one.metrics().store.available, true);
    });
  }

  test('in synchronous functions as well', async (t) => {
    const { double, config } = await setup(t);
    const sessionStore = {
      reserve() {
        throw reason;
      },
      commit() {},
      release() {
        throw reason;
      },
      invalidate() {
        throw reason;
      },
    };
    const auth = new GuestAuthenticator({ ...config, sessionStore });
    const error = await failure(auth.authenticateGuest(guest()), StoreUnavailableError);
    assert.equal(error.cause, reason);
    const ended = await failure(auth.invalidateSession('a@example.com::web'), StoreUnavailableError);
    assert.equal(ended.message, 'sessionStore.invalidate failed');
    assert.equal(ended.cause, reason);
    await auth.close();
    assert.equal(double.counts.create, undefined);
  });

  for (const [name, [misbehave]] of Object.entries(faults)) {
    test(`commit ${name}: the guest is not lost, the session is kept later`, async (t) => {
      const { store, one } = await pair(t);
      store.fault = only('commit', misbehave);
      const { guestData } = await one.authenticateGuest(guest());
      assert.match(guestData.guestId, /^guest-/);
      assert.equal(store.live[0].state, 'reserved');
      store.fault = undefined;
      await until(() => store.live[0].state === 'session', 'the session is committed');
    });
  }

  test('commit says that the reservation was lost: nothing is taken from anybody', async (t) => {
    const { store, double, one } = await pair(t);
    const held = double.hold('create');
    const call = one.authenticateGuest(guest());
    await double.arrival('create');
    const [, key] = store.calls[0];
    await store.invalidate(key);
    await store.reserve(key, 'somebody else', 60_000);
    held.release();
    await call;
    await one.close();
    assert.deepEqual(
      store.live.map(({ owner, state }) => [owner, state]),
      [['somebody else', 'reserved']],
    );
  });

  for (const [name, misbehave] of [
    ['rejects', () => Promise.reject(reason)],
    ['never settles', never],
  ]) {
    test(`release ${name}: the call fails with its own error, and close() ends`, async (t) => {
      const { store, double, one } = await pair(t);
      store.fault = only('release', misbehave);
      double.next('create', { status: 400, body: {} });
      await failure(one.authenticateGuest(guest()), GuestCreationError);
      await until(() => store.of('release').length === 1, 'it is called');
      await one.close();
      assert.equal(store.live[0].ttlMs, store.calls[0][3], 'it ends by itself');
    });
  }

  test("onUnavailable 'local': memory stands in until it is back", async (t) => {
    const warnings = warningsOf(t);
    const store = Object.assign(new MapStore(), { onUnavailable: 'local' });
    const { auth } = await setup(t, { sessionStore: store });
    const payload = guest();
    store.fault = () => Promise.reject(reason);
    await auth.authenticateGuest(payload);
    await failure(auth.authenticateGuest(payload), DuplicateSessionError);
    assert.equal(auth.metrics().store.servedLocally, 1);
    store.fault = undefined;
    await failure(auth.authenticateGuest(payload), DuplicateSessionError);
    await auth.authenticateGuest(guest());
    await until(() => warnings.length === 2, 'both are told');
    assert.ok(warnings.every(({ code }) => code === 'SESSION_STORE'));
    assert.match(warnings[0].message, /^sessionStore\.reserve failed\. Sessions are kept in the memory/);
    assert.match(warnings[1].message, /back/);
    assert.equal(store.live.length, 1);
  });
});
