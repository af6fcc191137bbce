// A process that is killed loses no event whose call had resolved. `OUTBOX_KILLS` sets how often it is killed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/setup.mjs';
import { deliveries, setupOutbox } from './setup.mjs';

const KILLS = Number(process.env.OUTBOX_KILLS ?? 200);

/** Longest time, in milliseconds, from the first guest to the end. */
const LONGEST_LIFE_MS = 150;

const program = fileURLToPath(new URL('child.mjs', import.meta.url));

/** One child's life: the ids of the guests whose calls resolved before it was killed. */
async function live(config) {
  const child = spawn(process.execPath, [program, JSON.stringify(config)], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  let told = '';
  const begun = new Promise((resolve) => {
    child.stdio[3].setEncoding('utf8').on('data', (text) => {
      told += text;
      resolve();
    });
  });
  const closed = once(child, 'close');
  // Every fourth is killed at any moment of its start, while it reads what the former left.
  const early = Math.random() < 0.25;
  await Promise.race([early ? undefined : begun, closed]);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MS));
  child.kill('SIGKILL');
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL', 'it must not have ended by itself');
  // A line that was cut off is one that nobody was told.
  return told.split('\n').slice(0, -1);
}

test(`after ${KILLS} kills every event of a resolved call is delivered, under one id each`, async (t) => {
  const outbox = { retryDelaysMs: [20, 100], maxAgeMs: 24 * 3600 * 1000 };
  const { double, config, open } = await setupOutbox(t, outbox);
  // The webhook fails at times, so that events of all ages are in the file when the process dies.
  double.always('webhook', () => (Math.random() < 0.3 ? { status: 503 } : { status: 204 }));
  const { auditLogCallback: _, ...plain } = config;
  const resolved = [];
  for (let i = 0; i < KILLS; i++) resolved.push(...(await live(plain)));
  assert.ok(resolved.length > KILLS, 'the children must have done something');

  double.always('webhook', { status: 204 });
  const last = open();
  await last.flush();
  await until(() => last.metrics().analytics.pending === 0, 'nothing waits any more');
  assert.equal(last.metrics().analytics.deadLettered, 0);
  await last.close();

  const ids = new Map();
  for (const { guestId, id } of deliveries(double)) ids.set(guestId, (ids.get(guestId) ?? new Set()).add(id));
  const missing = resolved.filter((guestId) => !ids.has(guestId));
  assert.deepEqual(missing, []);
  for (const [guestId, known] of ids) assert.equal(known.size, 1, `${guestId} came under ${[...known]}`);
  t.diagnostic(`${resolved.length} calls resolved, ${ids.size} events, ${double.of('webhook').length} requests`);
});
