// A session store of the user's own: what its functions are told, and what happens when they misbehave.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { MapStore, never, only, pair, released } from '../helpers/map-store.mjs';
import { configOf, failure, guest, pkg, setup, until } from '../helpers/setup.mjs';

const { ClosedError, DuplicateSessionError, GuestAuthenticator, GuestConfigError, GuestCreationError, OAuthManager } =
  pkg;

describe('a session', () => {
  test('is one for all instances, and lives as long as its token', async (t) => {
    const { store, double, one, two } = await pair(t);
    double.next('create', ({ json }) => ({ body: double.guest(json, { expiresIn: 900 }) }));
    const payload = guest();
    await one.authenticateGuest(payload);
    const [session] = store.live;
    assert.equal(session.state, 'session');
    assert.ok(session.ttlMs > 840_000 && session.ttlMs <= 900_000, `${session.ttlMs}`);
    await failure(two.authenticateGuest(payload), DuplicateSessionError);
    await failure(one.authenticateGuest(payload), DuplicateSessionError);
    assert.deepEqual(store.live, [session]);
    store.advance(900_000);
    await two.authenticateGuest(payload);
    assert.equal(double.counts.create, 2);
  });

  test('ends for all when one ends it', async (t) => {
    const { store, one, two } = await pair(t);
    const payload = guest();
    await one.authenticateGuest(payload);
    await two.invalidateSession(two.getSessionKey(payload.email, payload.channelId));
    assert.deepEqual(store.live, []);
    assert.deepEqual(store.of('invalidate'), [['invalidate', store.calls[0][1]]]);
    await one.authenticateGuest(payload);
  });

  test('is reserved while its call runs, for one of many', async (t) => {
    const { store, double, one, two } = await pair(t);
    const payload = guest();
    const calls = Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).authenticateGuest(payload));
    const settled = await Promise.allSettled(calls);
    assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const { reason } of settled) if (reason) assert.ok(reason instanceof DuplicateSessionError, `${reason}`);
    assert.equal(double.counts.create, 1);
    assert.equal(store.of('release').length, 0, 'nobody releases what another one holds');
  });

  test('is given up when its call fails', async (t) => {
    const { store, double, one, two } = await pair(t);
    const payload = guest();
    double.next('create', { status: 400, body: {} });
    await failure(one.authenticateGuest(payload), GuestCreationError);
    await released(store);
    const [[, key, owner]] = store.calls;
    assert.deepEqual(store.of('release'), [['release', key, owner]]);
    await two.authenticateGuest(payload);
  });

  test('is given up when its call is aborted', async (t) => {
    const { store, double, one, two } = await pair(t);
    const payload = guest();
    const held = double.hold('create');
    const controller = new AbortController();
    const call = one.authenticateGuest(payload, { signal: controller.signal });
    await double.arrival('create');
    controller.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    held.release();
    await released(store);
    await two.authenticateGuest(payload);
  });

  test('is kept by renewals while its call lasts', async (t) => {
    const { store, double, one, two } = await pair(t);
    const payload = guest();
    const held = double.hold('create');
    const call = one.authenticateGuest(payload);
    await double.arrival('create');
    const [first] = store.calls;
    await until(() => store.calls.length > 2, 'it has been renewed twice');
    assert.deepEqual(store.calls, [first, first, first]);
    // More than was left of the first one.
    store.advance(first[3] - 1000);
    await failure(two.authenticateGuest(payload), DuplicateSessionError);
    held.release();
    await call;
    assert.equal(store.live[0].state, 'session');
  });

  test('does not come back when it is ended during its call', async (t) => {
    const { store, double, one } = await pair(t);
    const payload = guest();
    const held = double.hold('create');
    const calls = [one.authenticateGuest(payload), one.authenticateGuest(guest())];
    await double.arrival('create', 2);
    const key = store.of('reserve')[0][1];
    await one.invalidateSession(one.getSessionKey(payload.email, payload.channelId));
    await until(() => store.of('reserve').length > 2, 'the other one has been renewed');
    held.release();
    await Promise.all(calls);
    assert.equal(store.of('reserve').filter(([, reserved]) => reserved === key).length, 1);
    assert.deepEqual(
      store.live.map((session) => session.key === key),
      [false],
    );
  });
});

describe('the functions', () => {
  test('see hashes, random owners and whole numbers, and no address', async (t) => {
    const { store, one, two, settings } = await pair(t);
    const other = new GuestAuthenticator({ ...settings, clientSecret: 'another' });
    t.after(() => other.close({ timeoutMs: 0 }));
    const payload = guest();
    await one.authenticateGuest(payload);
    await failure(two.authenticateGuest(payload), DuplicateSessionError);
    await other.authenticateGuest(payload);
    const reserved = store.of('reserve');
    for (const [, key, owner, ttlMs, ...more] of [...reserved, ...store.of('commit')]) {
      assert.match(key, /^[0-9a-f]{32}$/);
      assert.match(owner, /^[0-9a-f]{32}$/);
      assert.ok(Number.isInteger(ttlMs) && ttlMs > 0);
      assert.deepEqual(more, []);
    }
    const keys = reserved.map(([, key]) => key);
    assert.equal(keys[0], keys[1]);
    assert.notEqual(keys[0], keys[2], 'keyed by the client secret');
    assert.equal(new Set(reserved.map(([, , owner]) => owner)).size, 3);
    assert.doesNotMatch(JSON.stringify(store.calls), /@|guest-/);
  });

  test('share sessions alone: each instance has its own access token', async (t) => {
    const { double, one, two } = await pair(t);
    await Promise.all([one.authenticateGuest(guest()), two.authenticateGuest(guest())]);
    assert.equal(double.counts.token, 2);
    assert.deepEqual(one.metrics().store, {
      kind: 'custom',
      available: true,
      failures: 0,
      refusedValues: 0,
      servedLocally: 0,
    });
  });

  test('may be plain functions, or stand on a class with whatever else', async (t) => {
    const seen = [];
    class Own extends MapStore {
      redis = 'a client of its own';
      self = this;
      async reserve(...args) {
        seen.push(this);
        return super.reserve(...args);
      }
    }
    const own = new Own();
    const { auth, config } = await setup(t, { sessionStore: own });
    await auth.authenticateGuest(guest());
    assert.deepEqual(
      seen.map((self) => self === own),
      [true],
    );
    const yes = async () => true;
    const plain = { reserve: () => true, commit: yes, release: yes, invalidate: yes, onUnavailable: undefined };
    const other = new GuestAuthenticator({ ...config, sessionStore: plain });
    await other.authenticateGuest(guest());
    await other.close();
    const manager = new OAuthManager({ ...config, sessionStore: plain });
    assert.match(await manager.getAccessToken(), /^access-/);
    await manager.close();
  });
});

describe('a configuration', () => {
  const good = { environment: 'acme', clientId: 'id', clientSecret: 'secret' };
  const nothing = async () => {};
  const functions = { reserve: nothing, commit: nothing, release: nothing, invalidate: nothing };
  const unreadable = Object.defineProperty({ ...functions }, 'release', {
    get() {
      throw new Error('no');
    },
  });
  const table = [
    ...Object.keys(functions).flatMap((name) => {
      const message = `sessionStore.${name} must be a function`;
      return [undefined, null, 'function', {}].map((value) => [{ ...functions, [name]: value }, message]);
    }),
    [{ ...functions, onUnavailable: 'ignore' }, "sessionStore.onUnavailable must be 'reject' or 'local'"],
    [{ ...functions, onUnavailable: true }, "sessionStore.onUnavailable must be 'reject' or 'local'"],
    [unreadable, 'sessionStore.release must be readable'],
  ];
  for (const [index, [sessionStore, message]] of table.entries()) {
    test(`${index}: ${message}`, () => {
      for (const Class of [GuestAuthenticator, OAuthManager]) {
        assert.throws(
          () => new Class({ ...good, sessionStore }),
          (error) => error instanceof GuestConfigError && error.message === message,
        );
      }
    });
  }
});

describe('the end', () => {
  test('close() waits for a call whose reservation is under way', async (t) => {
    const { store, double, one } = await pair(t);
    let open;
    const opened = new Promise((resolve) => {
      open = resolve;
    });
    store.fault = only('reserve', (proceed) => opened.then(proceed));
    const call = one.authenticateGuest(guest());
    await until(() => store.calls.length === 1, 'it is asked');
    let isClosed = false;
    const closing = one.close().then(() => {
      isClosed = true;
    });
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
    assert.equal(isClosed, false);
    open();
    await call;
    await closing;
    assert.equal(double.counts.create, 1);
    assert.equal(store.live[0].state, 'session');
  });

  test('close() with a limit ends the call, and gives its key back first', async (t) => {
    const { store, one } = await pair(t);
    store.fault = async (name, proceed) => {
      // Some turns later, and no time: how long `close()` waits for a release is a matter of milliseconds.
      for (let turn = 0; name === 'release' && turn < 5; turn++) await new Promise(setImmediate);
      const answer = proceed();
      return name === 'reserve' ? never() : answer;
    };
    const call = failure(one.authenticateGuest(guest()), ClosedError, 'CLOSED');
    await until(() => store.live.length === 1, 'it is asked');
    await one.close({ timeoutMs: 0 });
    assert.deepEqual(store.live, []);
    await call;
  });

  for (const [name, misbehave] of [
    ['with a store that works', ''],
    ['with functions that never settle', 'for (const name in store) store[name] = () => new Promise(() => {});'],
  ]) {
    test(`a process ends by itself ${name}`, async (t) => {
      const { double } = await setup(t);
      const { code, stdout, stderr, hung } = await run(
        `const store = { reserve: async () => true, commit: async () => true, release: async () => {}, invalidate: async () => {} };
         ${misbehave}
         const auth = new pkg.GuestAuthenticator({ ...config, sessionStore: store, auditLogCallback() {} });
         auth.authenticateGuest(guest()).then(() => console.log('done'), (error) => console.log(error.code));`,
        { config: configOf(double) },
      );
      assert.equal(hung, false);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(stdout, misbehave ? 'STORE_UNAVAILABLE\n' : 'done\n');
    });
  }
});
