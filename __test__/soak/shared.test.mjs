// Several processes on one Redis, each with an outbox on disk, while two requests of a hundred fail: all counts agree.
// `SOAK_CALLS=50000` makes it the long one.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startSandbox } from 'genesys-guest-auth/testing';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';

const PROCESSES = 4;
const CALLS = Number(process.env.SOAK_CALLS ?? 500);
const SHARE = 0.02;
/** More than a heap varies by; a process that kept a kilobyte for each guest would grow by more. */
const MOST_GROWTH_BYTES = 48 * 1024 * 1024;

const child = fileURLToPath(new URL('child.mjs', import.meta.url));
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

test('no guest, session or event is lost or doubled while requests fail', needsRedis, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guest-soak-'));
  const sandbox = await startSandbox({ log: false, logCapacity: 0, conflicts: true });
  t.after(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true });
  });
  const redis = await startServer(t);
  // Refused before the server took it, cut off before it was read, or failed in a call that may be repeated.
  await sandbox.fault({ route: 'create', status: 503, headers: { 'retry-after': 0 }, count: null, probability: SHARE });
  await sandbox.fault({ route: 'create', drop: 'before', count: null, probability: SHARE });
  for (const route of ['crm', 'attributes', 'webhook'])
    await sandbox.fault({ route, status: 500, count: null, probability: SHARE });

  const children = Array.from({ length: PROCESSES }, (_, number) => {
    const { auditLogCallback: __, ...config } = sandbox.config({
      sessionStore: { redis: { url: redis.url, commandTimeoutMs: 1000 } },
      outbox: { path: join(folder, `${number}.outbox`), retryDelaysMs: Array(20).fill(100) },
    });
    const args = [child, JSON.stringify(config), String(number), String(CALLS)];
    return promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 });
  });
  const results = (await Promise.all(children)).map(({ stdout }) => JSON.parse(stdout));

  const all = PROCESSES * CALLS;
  const sum = (figure) => results.reduce((total, result) => total + figure(result), 0);
  const { guestsCreated } = await sandbox.state({ limit: 0 });
  const { routes } = await sandbox.counts();
  const accepted = Object.entries(routes.webhook.byStatus).filter(([status]) => status < 300);
  t.diagnostic(JSON.stringify({ failures: results.map(({ failures }) => failures), create: routes.create.byStatus }));
  assert.equal(guestsCreated, all);
  assert.equal((await redis.keys('s')).length, all);
  assert.equal(
    sum(({ authenticated }) => authenticated),
    all,
  );
  assert.equal(
    sum(({ analytics }) => analytics.delivered),
    all,
  );
  assert.equal(
    accepted.reduce((total, [, count]) => total + count, 0),
    all,
  );
  for (const { analytics, store } of results) {
    assert.deepEqual([analytics.pending, analytics.deadLettered, store.refusedValues], [0, 0, 0]);
  }
  assert.ok(sum(({ failures }) => failures.NETWORK ?? 0) > 0, 'no call was cut off');
  for (const { rss } of results) {
    const fifth = rss.length / 5;
    const growth = median(rss.slice(-fifth)) - median(rss.slice(fifth, 2 * fifth));
    t.diagnostic(`memory grew by ${(growth / 1024 / 1024).toFixed(1)} MiB`);
    assert.ok(growth < MOST_GROWTH_BYTES, `${growth} bytes`);
  }
});
