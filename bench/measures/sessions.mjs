// What live sessions cost: memory, and garbage collection.

import { createRequire } from 'node:module';

/** Calls that only make garbage, before anything is measured. */
const CHURN = 300_000;

const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

/** The guards to compare; each new one is empty. */
async function guardOf(variant) {
  if (variant === 'package') {
    const { DuplicateSessionGuard } = createRequire(import.meta.url)('../../index.js');
    return DuplicateSessionGuard;
  }
  const { DuplicateSessionGuard } = await import('../../__test__/fixtures/tutorial/dist/validation.js');
  return DuplicateSessionGuard;
}

/**
 * As the services fill it: the key made by the guard, a fresh uuid as the guest. The package's guard has a bound of its
 * own; beyond it another one is begun.
 */
async function filler(variant) {
  const Guard = await guardOf(variant);
  const { v4: uuid } = await import('uuid');
  const guards = [new Guard()];
  let guard = guards[0];
  const keyOf = (i) => guard.getSessionKey(`guest.${i}@example.com`, 'web-chat-emea');
  const fill = (from, to) => {
    for (let i = from; i < to; i += 1) {
      try {
        guard.checkDuplicate(keyOf(i), uuid());
      } catch (error) {
        if (error.code !== 'SESSION_CAPACITY') throw error;
        guard = new Guard();
        guards.push(guard);
        guard.checkDuplicate(keyOf(i), uuid());
      }
    }
  };
  // The garbage of filling, without the sessions: it makes the young generation as large as it will be.
  const key = keyOf(-1);
  for (let i = 0; i < CHURN; i += 1) {
    guard.invalidate(keyOf(-2));
    guard.invalidate(key + uuid());
  }
  return { fill, guards };
}

async function footprint() {
  globalThis.gc();
  await settle();
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

/** Bytes per session at each of `sizes`. */
export async function sessions({ variant, sizes }) {
  const { fill, guards } = await filler(variant);
  fill(0, 1000);
  const empty = await footprint();
  let filled = 1000;
  const figures = {};
  for (const size of sizes) {
    fill(filled, size);
    const now = await footprint();
    const added = size - 1000;
    figures[`rss@${size}`] = (now.rss - empty.rss) / added;
    figures[`heap@${size}`] = (now.heapUsed - empty.heapUsed) / added;
    filled = size;
  }
  figures.guards = guards.length;
  return figures;
}

/** Milliseconds of a full garbage collection without and with `size` live sessions. */
export async function collection({ variant, size }) {
  const { fill, guards } = await filler(variant);
  const median = () => {
    const times = Array.from({ length: 5 }, () => {
      const started = performance.now();
      globalThis.gc();
      return performance.now() - started;
    });
    return times.sort((a, b) => a - b)[2];
  };
  fill(0, 1000);
  await settle();
  const emptyMs = median();
  fill(1000, size);
  await settle();
  return { emptyMs, fullMs: median(), size, guards: guards.length };
}
