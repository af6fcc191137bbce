// What an outbox on disk costs: no webhook, events in memory and events on disk, in alternating rounds; then how long an
// instance takes to start with many events in its file. Prints Markdown tables.
//
//   node bench/experiments/durability.mjs [--rounds 5] [--waiting 100000] [--folder FOLDER]

import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { closedLoop, nextGuest } from '../lib/load.mjs';
import { run, startServer } from '../lib/processes.mjs';
import { rounds } from '../lib/rounds.mjs';
import { percentile } from '../lib/stats.mjs';

const { GuestAuthenticator } = createRequire(import.meta.url)('../../index.js');

const IN_FLIGHT = 64;
const WARM_MS = 1500;
const MEASURE_MS = 4000;
/** At least this share of the throughput with events in memory. */
const LEAST_SHARE = 0.7;

/** In a process of its own: load, with the outbox that the job describes. */
async function load({ config }) {
  const auth = new GuestAuthenticator({ ...config, auditLogCallback: () => {} });
  const options = { inFlight: IN_FLIGHT, warmMs: WARM_MS, measureMs: MEASURE_MS, hasProfile: false };
  const done = await closedLoop((guest) => auth.authenticateGuest(guest), options);
  const { pending } = auth.metrics().analytics;
  await auth.close();
  return {
    perSecond: (done.calls / done.wallMs) * 1000,
    mainUs: done.mainUs / done.calls,
    processUs: done.processUs / done.calls,
    p50: percentile(done.latencies, 0.5),
    p99: percentile(done.latencies, 0.99),
    pending,
  };
}

/** Fills a file with events that wait, and ends without closing it if `isKilled`. */
async function fill({ config, waiting, isKilled }) {
  const auth = new GuestAuthenticator({ ...config, auditLogCallback: () => {} });
  let begun = 0;
  const caller = async () => {
    while (begun < waiting) {
      begun += 1;
      await auth.authenticateGuest(nextGuest(false));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  await auth.flush();
  const { pending, storedBytes } = auth.metrics().analytics;
  console.log(JSON.stringify({ pending, storedBytes }));
  if (isKilled) process.kill(process.pid, 'SIGKILL');
  await auth.close();
}

/** Opens a file with events that wait. */
async function recover({ config }) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, 50));
  delay.reset();
  const rss = process.memoryUsage.rss();
  const started = performance.now();
  const auth = new GuestAuthenticator({ ...config, auditLogCallback: () => {} });
  const constructorMs = performance.now() - started;
  await auth.flush();
  const readyMs = performance.now() - started;
  const grownMb = (process.memoryUsage.rss() - rss) / 2 ** 20;
  const { pending } = auth.metrics().analytics;
  const loopMs = delay.max / 1e6;
  await auth.close();
  return { constructorMs, readyMs, loopMs, grownMb, pending };
}

async function main() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      waiting: { type: 'string', default: '100000' },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const folder = mkdtempSync(join(values.folder, 'guest-durability-'));
  const server = await startServer();
  try {
    console.log(`One fdatasync of 4 KiB: ${syncMicros(join(folder, 'sync')).toFixed(0)} µs (median)\n`);
    await compareLoad(server, folder, Number(values.rounds));
    await compareStarts(server, folder, Number(values.waiting));
  } finally {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the disk takes for one promise; nothing here can be faster. */
function syncMicros(path) {
  const file = openSync(path, 'w');
  const samples = Array.from({ length: 200 }, () => {
    writeSync(file, Buffer.alloc(4096, 1));
    const started = performance.now();
    fdatasyncSync(file);
    return (performance.now() - started) * 1000;
  });
  closeSync(file);
  return percentile(samples, 0.5);
}

const job = (task, rest) => run(process.execPath, [fileURLToPath(import.meta.url), JSON.stringify({ task, ...rest })]);

async function compareLoad(server, folder, count) {
  const path = join(folder, 'load.outbox');
  const cases = {
    'no webhook': { analyticsWebhookUrl: undefined },
    'events in memory': {},
    'events on disk': { outbox: { path } },
  };
  const figures = await rounds(cases, count, async (changes) => {
    await server.reset();
    rmSync(path, { force: true });
    const config = { ...server.config(), ...changes };
    const figures = await job('load', { config });
    return changes.outbox ? { ...figures, fileMb: statSync(path).size / 2 ** 20 } : figures;
  });
  const show = ({ median, min, max }, digits = 0) =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  console.log(`\n${IN_FLIGHT} in flight, median of ${count} rounds (lowest–highest)\n`);
  console.log(
    '| | authentications/s | JavaScript thread, µs | process CPU, µs | p50, ms | p99, ms | waiting at the end |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const [name, one] of Object.entries(figures)) {
    const cells = [
      show(one.perSecond),
      show(one.mainUs, 1),
      show(one.processUs, 1),
      show(one.p50, 1),
      show(one.p99, 1),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} | ${show(one.pending)} |`);
  }
  const share = figures['events on disk'].perSecond.median / figures['events in memory'].perSecond.median;
  console.log(`\nOn disk against in memory: ${(share * 100).toFixed(0)} % of the throughput`);
  console.log(`File at the end: ${show(figures['events on disk'].fileMb, 1)} MiB`);
  if (share < LEAST_SHARE) process.exitCode = 1;
}

async function compareStarts(server, folder, waiting) {
  console.log(`\nStart with ${waiting} events that wait\n`);
  console.log(
    '| the file was | constructor, ms | admits guests after, ms | longest pause of the event loop, ms | memory, MiB | file, MiB |',
  );
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const isKilled of [false, true]) {
    const path = join(folder, `start-${isKilled}.outbox`);
    await server.reset();
    await server.fault({ route: 'webhook', status: 500, count: null });
    const config = {
      ...server.config(),
      outbox: { path, retryDelaysMs: [24 * 3600 * 1000], maxAgeMs: 30 * 24 * 3600 * 1000 },
    };
    await job('fill', { config, waiting, isKilled }).catch((error) => {
      if (!isKilled) throw error;
    });
    const fileMb = statSync(path).size / 2 ** 20;
    const { constructorMs, readyMs, loopMs, grownMb, pending } = await job('recover', { config });
    if (pending < waiting) throw new Error(`${pending} of ${waiting} events came back`);
    const cells = [
      constructorMs.toFixed(1),
      readyMs.toFixed(0),
      loopMs.toFixed(1),
      grownMb.toFixed(0),
      fileMb.toFixed(0),
    ];
    console.log(`| ${isKilled ? 'left by kill -9' : 'closed'} | ${cells.join(' | ')} |`);
  }
}

if (process.argv[2]?.startsWith('{')) {
  const { task, ...rest } = JSON.parse(process.argv[2]);
  const done = await { load, fill, recover }[task](rest);
  if (done) console.log(JSON.stringify(done));
} else {
  await main();
}
