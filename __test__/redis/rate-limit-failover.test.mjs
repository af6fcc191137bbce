// The shared rate limit outlives the server that holds it: under sentinels and on a cluster.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startCluster, startSentinels } from '../helpers/redis/groups.mjs';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { inTime, keyOf, RECOVERED_WITHIN_MS, share } from '../helpers/redis/shared.mjs';
import { guest, until } from '../helpers/setup.mjs';

/** Longer than a failover takes on a busy machine. */
const RETRY_AFTER_S = 15;
/** The log's times are whole milliseconds, and Redis's clock is not the sandbox's. */
const ROUNDING_MS = 50;

/** Keys enough that each primary of a cluster has some of them. */
const PROBES = 40;

const CALLS = 100;
/** All calls of both together take a second and a half after the first burst. */
const LIMIT = { route: 'create', rate: 100, burst: 50, retryAfter: 1 };
const MOST_WASTED = 0.1;

// Side by side: most of their time is the pause.
describe('one rate limit after a failover', { ...needsRedis, concurrency: true }, () => {
  test('holds under sentinels', async (t) => {
    const group = await startSentinels(t);
    await outlives(t, { store: group.store, primaries: async () => [await group.primary()].filter(Boolean) });
  });

  test('holds on a cluster', async (t) => {
    await outlives(t, await startCluster(t));
  });
});

async function outlives(t, { store, primaries }) {
  const { sandbox, open } = await share(t, { logCapacity: 1000 });
  const [one, other] = [open(store), open(store)];
  await one.authenticateGuest(guest());
  await other.authenticateGuest(guest());
  const holder = async () => {
    for (const server of await primaries()) if ((await server.keys('gate').catch(() => [])).length > 0) return server;
  };
  let lost;
  await until(async () => {
    lost = await holder();
    return lost !== undefined;
  }, 'the gate is kept');

  await sandbox.clearLog();
  await sandbox.fault({ route: 'create', status: 429, headers: { 'retry-after': RETRY_AFTER_S } });
  const paused = one.authenticateGuest(guest());
  await until(() => one.metrics().throttled === 1, 'the 429 has come');
  await until(async () => (await lost.ask('HGET', (await lost.keys('gate'))[0], 'reopens')) !== '', 'it is told');
  await lost.isCopied();
  await lost.kill();

  // The other one finds its way without a call that would ask about the pause.
  await until(async () => ![undefined, lost].includes(await holder()), 'a new primary', RECOVERED_WITHIN_MS);
  const probes = Array.from({ length: PROBES }, () => keyOf(other, guest()));
  const isBack = () =>
    Promise.all(probes.map((key) => inTime(other.invalidateSession(key)))).then(
      () => true,
      () => false,
    );
  await until(isBack, 'the other one is back', RECOVERED_WITHIN_MS);
  assert.equal((await sandbox.log()).filter(({ route }) => route === 'create').length, 1, 'the pause still lasts');
  await Promise.all([paused, other.authenticateGuest(guest())]);
  const [refused, ...accepted] = (await sandbox.log()).filter(({ route }) => route === 'create');
  assert.deepEqual([refused.status, ...accepted.map(({ status }) => status)], [429, 200, 200]);
  for (const { tMs } of accepted)
    assert.ok(tMs - refused.tMs >= RETRY_AFTER_S * 1000 - ROUNDING_MS, `${tMs - refused.tMs} ms`);

  // Both go on at one pace.
  const before = (await sandbox.counts()).routes.create;
  await sandbox.limit(LIMIT);
  const calls = [one, other].flatMap((auth) => Array.from({ length: CALLS }, () => auth.authenticateGuest(guest())));
  await Promise.all(calls);
  const after = (await sandbox.counts()).routes.create;
  const [total, wasted] = [after.total - before.total, after.byStatus[429] - before.byStatus[429]];
  assert.equal(total - wasted, 2 * CALLS);
  t.diagnostic(`${wasted} of ${total} requests were answered 429`);
  assert.ok(wasted <= total * MOST_WASTED);
}
