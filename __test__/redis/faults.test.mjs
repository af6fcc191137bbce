// A Redis that dies, hangs, is full, forgets, refuses or is slow: calls end in time with the right error or the right
// result, and all goes on by itself afterwards.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { PASSWORD, startServer } from '../helpers/redis/server.mjs';
import { creationRuns, inTime, isDuplicate, isRefused, keyOf, recovers, share } from '../helpers/redis/shared.mjs';
import { failure, guest, pkg, until, warningsOf } from '../helpers/setup.mjs';
import { startTcpProxy } from '../helpers/tcp-proxy.mjs';

/** Calls at once, while something goes wrong. */
const CALLS = 200;

/** Long enough for a new connection, most of the time. */
const CUT_EVERY_MS = 100;

/** Well within the limit of a command, there and back. */
const SLOW_MS = 50;

/** Beyond it. */
const TOO_SLOW_MS = 400;

const guests = (count) => Array.from({ length: count }, () => guest());

/** A server behind a line, and instances of two kinds that use it. */
async function stage(t, options) {
  const server = await startServer(t);
  const proxy = await startTcpProxy(t, server.port);
  const { sandbox, open } = await share(t, options);
  const store = { url: server.url.replace(`:${server.port}`, `:${proxy.port}`) };
  const [one, other, local] = [open(store), open(store), open({ ...store, onUnavailable: 'local' })];
  for (const auth of [one, other, local]) await auth.authenticateGuest(guest());
  return { server, proxy, sandbox, store, open, one, other, local };
}

/** An outage from its begin to its end. The keys of calls that it refuses must be free soon after it. */
async function outage(t, { one, other, local, sandbox }, begin, end, { stillDeletes = false } = {}) {
  const warnings = warningsOf(t);
  const saying = (text) => warnings.filter(({ message }) => message.includes(text)).length;
  const running = guest();
  await sandbox.fault({ route: 'create', delayMs: 500 });
  const call = one.authenticateGuest(running);
  await creationRuns(sandbox);
  await begin();
  const refused = guests(5);
  const refusals = Promise.all(refused.map((payload) => isRefused(one, payload)));
  // The one that runs has its guest: that the store is away is no reason to throw him away.
  const [errors] = await Promise.all([refusals, inTime(call)]);
  errors.push(await isRefused(one, refused[0]));
  const invalidated = inTime(one.invalidateSession(keyOf(one, refused[0])));
  await (stillDeletes ? invalidated : failure(invalidated, pkg.StoreUnavailableError));

  const meanwhile = guests(5);
  await Promise.all(meanwhile.map((payload) => local.authenticateGuest(payload)));
  await Promise.all(meanwhile.map((payload) => isDuplicate(local, payload)));
  assert.ok(local.metrics().store.servedLocally >= meanwhile.length);
  assert.equal(saying('kept in the memory of this process'), 1);

  await end();
  await Promise.all(refused.map((payload, i) => recovers(i % 2 === 0 ? one : other, payload)));
  await until(async () => {
    await local.authenticateGuest(guest());
    return saying('is back') === 1;
  }, 'the store is used again');
  const after = guest();
  await local.authenticateGuest(after);
  await isDuplicate(one, after);
  await Promise.all(meanwhile.map((payload) => isDuplicate(local, payload)));
  await until(() => one.metrics().liveSessions === 0, 'the session of that time is told');
  await isDuplicate(other, running);
  assert.equal(saying('kept in the memory of this process'), 1);
  for (const auth of [one, other, local]) assert.ok(auth.metrics().store.available);
  for (const error of errors) assert.ok(!`${error.message} ${error.cause}`.includes(PASSWORD));
  return errors;
}

describe('a Redis in trouble', needsRedis, () => {
  test('that is killed and started again', async (t) => {
    const on = await stage(t);
    await outage(
      t,
      on,
      () => on.server.kill(),
      () => on.server.restart(),
    );
  });

  test('that hangs', async (t) => {
    const on = await stage(t);
    await outage(
      t,
      on,
      () => on.server.pause(),
      () => on.server.resume(),
    );
  });

  test('that is full', async (t) => {
    const on = await stage(t);
    const limit = (bytes) => on.server.ask('CONFIG', 'SET', 'maxmemory', bytes);
    const errors = await outage(
      t,
      on,
      () => limit('1'),
      () => limit('0'),
      { stillDeletes: true },
    );
    for (const error of errors) assert.match(error.message, /maxmemory/);
  });

  test('whose line is dead', async (t) => {
    const on = await stage(t);
    await outage(
      t,
      on,
      () => on.proxy.stall(),
      () => on.proxy.flow(),
    );
  });

  test('that answers too late', async (t) => {
    const on = await stage(t);
    await outage(
      t,
      on,
      () => on.proxy.flow(TOO_SLOW_MS),
      () => on.proxy.flow(),
    );
  });

  test('whose password was changed', async (t) => {
    const on = await stage(t);
    const change = async (from, to) => {
      await on.server.ask('--pass', from, 'CONFIG', 'SET', 'requirepass', to);
      on.proxy.cut();
    };
    const errors = await outage(
      t,
      on,
      () => change(PASSWORD, 'another'),
      () => change('another', PASSWORD),
    );
    for (const error of errors) assert.match(error.message, /WRONGPASS|password/i);
  });

  test('that answers late, but in time', async (t) => {
    const { proxy, one, other } = await stage(t);
    proxy.flow(SLOW_MS);
    const payloads = guests(CALLS);
    await Promise.all(payloads.map((payload) => one.authenticateGuest(payload)));
    await Promise.all(payloads.map((payload) => isDuplicate(other, payload)));
  });

  test('whose connections are cut again and again', async (t) => {
    // A server that does not refuse a second guest.
    const { proxy, one, other, sandbox } = await stage(t, { conflicts: false });
    await sandbox.latency({ create: 50 });
    const payloads = guests(CALLS);
    const calls = payloads.map((payload) =>
      one.authenticateGuest(payload).catch((error) => {
        if (!(error instanceof pkg.StoreUnavailableError)) throw error;
      }),
    );
    let isOver = false;
    let cut = 0;
    const cuts = (async () => {
      while (!isOver) {
        proxy.cut();
        cut += 1;
        await new Promise((resolve) => setTimeout(resolve, CUT_EVERY_MS));
      }
    })();
    await Promise.all(calls);
    isOver = true;
    await cuts;
    t.diagnostic(`${cut} cuts`);
    await until(() => one.metrics().liveSessions === 0, 'all sessions are told');
    const created = (await sandbox.counts()).routes.create.total;
    // Those who were refused get in, the others are known: each guest is there once.
    const outcomes = await Promise.all(
      payloads.map((payload) =>
        other.authenticateGuest(payload).catch((error) => {
          if (!(error instanceof pkg.DuplicateSessionError)) throw error;
        }),
      ),
    );
    const late = outcomes.filter(Boolean).length;
    assert.equal((await sandbox.counts()).routes.create.total, created + late);
    assert.equal((await sandbox.state({ limit: 0 })).guestsCreated, CALLS + 3);
  });

  test('that forgets everything', async (t) => {
    const { server, one, other, sandbox } = await stage(t);
    const before = guest();
    await one.authenticateGuest(before);
    await sandbox.fault({ route: 'create', delayMs: 300, count: 20 });
    const running = guests(20);
    const calls = Promise.all(running.map((payload) => one.authenticateGuest(payload)));
    await creationRuns(sandbox);
    await until(() => one.metrics().liveSessions === running.length, 'all of them hold their keys');
    await server.ask('FLUSHALL');
    await server.ask('SCRIPT', 'FLUSH');
    await calls;
    await Promise.all(running.map((payload) => isDuplicate(other, payload)));
    // The session of before is lost; the server's own refusal is what is left, and nothing is held.
    await failure(other.authenticateGuest(before), pkg.GuestConflictError);
    assert.equal((await sandbox.counts()).routes.token.total, 1);
    await recovers(other);
  });

  test('that never took the password', async (t) => {
    const server = await startServer(t);
    const { open } = await share(t);
    const auth = open({ url: `redis://:wrong-canary@127.0.0.1:${server.port}` });
    const error = await isRefused(auth);
    assert.match(error.message, /WRONGPASS|password/i);
    assert.ok(!JSON.stringify([error.message, String(error.cause), error.stack]).includes('wrong-canary'));
    await server.ask('CONFIG', 'SET', 'requirepass', 'wrong-canary');
    await recovers(auth);
  });
});
