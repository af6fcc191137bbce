// From the first call to the end of the process: what closes, what waits, what keeps alive and what lets go.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, failure, guest, pkg, setup, startDouble, until } from '../helpers/setup.mjs';

const { ClosedError, GuestContextEnricher, GuestTokenManager, OAuthManager } = pkg;
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Whether a promise has settled by the time everything that is ready has run. */
async function isPending(promise) {
  const pending = Symbol('pending');
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending;
}

describe('close()', () => {
  test('refuses every call from then on', async (t) => {
    const { double, auth, audits } = await setup(t);
    const closing = auth.close();
    const calls = [
      () => auth.authenticateGuest(guest()),
      () => auth.rotateRefreshToken('token'),
      () => auth.getAccessToken(),
      () => auth.warmUp(),
      () => auth.invalidateSession('a@example.com::web'),
    ];
    await Promise.all(calls.map((call) => failure(call(), ClosedError, 'CLOSED')));
    await closing;
    await failure(auth.authenticateGuest(guest()), ClosedError, 'CLOSED');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(double.sockets.size, 0, 'nothing is sent after it');
    assert.deepEqual([...new Set(audits.map(({ code }) => code))], ['CLOSED']);
    assert.equal(auth.getSessionKey('A@example.com', 'web'), 'a@example.com::web');
    assert.equal(auth.metrics().authenticated, 0);
    await auth.flush();
  });

  test('waits for calls that run, and for those that wait for them', async (t) => {
    const { double, auth } = await setup(t, { maxConcurrency: 1 });
    const held = double.hold('create');
    const calls = [auth.authenticateGuest(guest()), auth.authenticateGuest(guest())];
    await double.arrival('create');
    const closing = auth.close();
    assert.equal(await isPending(closing), true);
    held.release();
    await closing;
    for (const { status } of await Promise.allSettled(calls)) assert.equal(status, 'fulfilled');
  });

  test('waits for deliveries', async (t) => {
    const { double, auth } = await setup(t, { webhook: true });
    const held = double.hold('webhook');
    await auth.authenticateGuest(guest());
    await double.arrival('webhook');
    const closing = auth.close();
    assert.equal(await isPending(closing), true);
    held.release();
    await closing;
    assert.deepEqual(auth.metrics().analytics, { pending: 0, delivered: 1, failed: 0 });
  });

  test('waits only once, however often it is called', async (t) => {
    const { double, auth } = await setup(t);
    const held = double.hold('create');
    const call = auth.authenticateGuest(guest());
    await double.arrival('create');
    const closings = [auth.close(), auth.close({ timeoutMs: 60_000 }), auth[asyncDispose]()];
    for (const closing of closings) assert.equal(await isPending(closing), true);
    held.release();
    await Promise.all([call, ...closings]);
    assert.equal(await auth.close(), undefined);
  });

  test('ends what outlasts its limit, and tells of undelivered events', async (t) => {
    const { double, auth } = await setup(t, { webhook: true });
    const warnings = [];
    const note = (warning) => warnings.push(warning);
    process.on('warning', note);
    t.after(() => process.off('warning', note));
    double.hold('webhook');
    await auth.authenticateGuest(guest());
    await auth.authenticateGuest(guest());
    double.hold('create');
    double.hold('refresh');
    const calls = [auth.authenticateGuest(guest()), auth.rotateRefreshToken('token')];
    const ended = calls.map((call) => failure(call, ClosedError, 'CLOSED'));
    await Promise.all([double.arrival('create', 3), double.arrival('refresh'), double.arrival('webhook', 2)]);
    const events = double.of('webhook');
    await auth.close({ timeoutMs: 30 });
    await Promise.all(ended);
    await Promise.all([double.of('create')[2].cancelled, ...events.map(({ cancelled }) => cancelled)]);
    await until(() => warnings.length > 0, 'there is a warning');
    assert.equal(warnings.length, 1);
    assert.deepEqual([warnings[0].name, warnings[0].code], ['GenesysGuestAuthWarning', 'ANALYTICS_UNDELIVERED']);
    assert.match(warnings[0].message, /^2 analytics event/);
    assert.equal(auth.metrics().analytics.pending, 0);
  });

  test('releases the connections', async (t) => {
    const { double, auth } = await setup(t, { crm: true, webhook: true });
    await auth.authenticateGuest(guest());
    await auth.flush();
    assert.ok(double.sockets.size > 0);
    await auth.close();
    await until(() => double.sockets.size === 0, 'the server sees its connections closed', 5000);
  });

  test('with a limit that is long enough, or infinite, waits no longer than needed', async (t) => {
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 40, 1e9, undefined]) {
      const { auth } = await setup(t);
      await auth.authenticateGuest(guest());
      await auth.close({ timeoutMs });
    }
  });

  test('of the other classes does the same', async (t) => {
    const double = await startDouble(t);
    const make = {
      token: () => {
        const manager = new OAuthManager(configOf(double));
        return [manager, () => manager.getAccessToken()];
      },
      create: () => {
        const manager = new GuestTokenManager(double.url, async () => 'token');
        return [manager, () => manager.createGuestSession(guest())];
      },
      refresh: () => {
        const manager = new GuestTokenManager(double.url, async () => 'token');
        return [manager, () => manager.rotateRefreshToken('token')];
      },
      crm: () => {
        const enricher = new GuestContextEnricher(`${double.url}/crm`, '', () => {});
        return [enricher, () => enricher.enrichAndSync({ guestId: 'g' }, guest())];
      },
      webhook: () => {
        const enricher = new GuestContextEnricher('', `${double.url}/hook`, () => {});
        return [enricher, () => enricher.enrichAndSync({ guestId: 'g' }, guest())];
      },
    };
    for (const [route, prepare] of Object.entries(make)) {
      const held = double.hold(route);
      const [closable, call] = prepare();
      const running = call();
      const count = double.of(route).length;
      await double.arrival(route, count + 1);
      const closing = closable.close();
      await failure(call(), ClosedError, 'CLOSED');
      assert.equal(await isPending(closing), true, route);
      held.release();
      await running;
      await closing;
      await closable[asyncDispose]();
    }
    for (const route of ['token', 'create', 'crm']) {
      const [closable, call] = make[route]();
      const held = double.hold(route);
      const count = double.of(route).length;
      const running = call();
      await double.arrival(route, count + 1);
      const closing = closable.close({ timeoutMs: 10 });
      await failure(running, ClosedError, 'CLOSED');
      await closing;
      held.release();
    }
  });
});

describe('await using', () => {
  test('closes every class at the end of the block', async (t) => {
    const double = await startDouble(t);
    const held = double.hold('webhook');
    const { auth } = await setup(t);
    const enricher = new GuestContextEnricher('', `${double.url}/hook`, () => {});
    for (const Class of [pkg.GuestAuthenticator, OAuthManager, GuestTokenManager, GuestContextEnricher]) {
      assert.equal(typeof Class.prototype[asyncDispose], 'function');
      assert.ok(!Object.keys(Class.prototype).includes(asyncDispose));
    }
    await enricher.enrichAndSync({ guestId: 'g' }, guest());
    const disposing = enricher[asyncDispose]();
    assert.equal(await isPending(disposing), true);
    held.release();
    assert.equal(await disposing, undefined);
    await auth[asyncDispose]();
    await failure(auth.getAccessToken(), ClosedError, 'CLOSED');
  });
});

describe('flush()', () => {
  test('waits for every event, and for none', async (t) => {
    const { double, auth } = await setup(t, { webhook: true });
    await auth.flush();
    const held = double.hold('webhook');
    await Promise.all(Array.from({ length: 20 }, () => auth.authenticateGuest(guest())));
    const flushing = auth.flush();
    assert.equal(await isPending(flushing), true);
    assert.equal(auth.metrics().analytics.pending, 20);
    held.release();
    assert.equal(await flushing, undefined);
    assert.deepEqual(auth.metrics().analytics, { pending: 0, delivered: 20, failed: 0 });
    assert.equal(double.of('webhook').length, 20);
  });

  test('ends for events that are given up, which are told of once a minute, with their number, and at the end', async (t) => {
    const { double, auth } = await setup(t, { webhook: true });
    const warnings = [];
    const note = (warning) => warnings.push(warning);
    process.on('warning', note);
    t.after(() => process.off('warning', note));
    double.always('webhook', { status: 400 });
    await Promise.all([1, 2, 3].map(() => auth.authenticateGuest(guest())));
    await auth.flush();
    assert.deepEqual(auth.metrics().analytics, { pending: 0, delivered: 0, failed: 3 });
    await until(() => warnings.length === 1, 'there is a warning');
    await auth.close();
    await until(() => warnings.length === 2, 'there is another one');
    for (const { code } of warnings) assert.equal(code, 'ANALYTICS_UNDELIVERED');
    const [first, rest] = warnings.map(({ message }) => message);
    assert.match(first, /^Analytics event msg_\w+ was not delivered to 127\.0\.0\.1:\d+: status 400$/);
    assert.ok(rest.endsWith(': status 400 (events lost since the last such warning: 2)'), rest);
  });
});

describe('an instance that is forgotten', () => {
  test('is collected, with its connections, and its calls are not', async (t) => {
    const double = await startDouble(t);
    const held = double.hold('create');
    const { code, stdout, stderr } = await run(
      `
        const until = async (isSo) => {
          // What a job has looked at it keeps alive to its end: the collection has to come in a later one.
          while (!isSo()) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            global.gc();
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        };
        const make = async (Class, ...args) => {
          const instance = new Class(...args);
          await (instance.getAccessToken?.() ?? instance.createGuestSession?.(guest({ email: 'other@example.com' })));
          return new WeakRef(instance);
        };
        (async () => {
          const refs = [];
          for (let i = 0; i < 20; i++) {
            refs.push(await make(pkg.GuestAuthenticator, config), await make(pkg.OAuthManager, config));
          }
          await until(() => refs.every((ref) => ref.deref() === undefined));
          console.log('collected');
          // One whose call is running: nobody holds the instance, and the promise keeps what it needs.
          let call = new pkg.GuestTokenManager(config.environment, async () => 'late token').createGuestSession(guest());
          for (let i = 0; i < 20; i++) {
            global.gc();
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
          console.log((await call).email);
        })();
      `,
      {
        config: configOf(double),
        execArgv: ['--expose-gc'],
        onStart: () => double.arrival('create').then(() => held.release()),
      },
    );
    assert.deepEqual([code, stderr, stdout], [0, '', 'collected\nguest@example.com\n']);
    assert.equal(double.of('token').length, 40);
  });
});
