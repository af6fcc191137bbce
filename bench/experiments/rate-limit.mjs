// What a rate limit costs: many calls at once against a server that takes 100 creations a second, side by side with the
// tutorial's retry loop, and what pacing costs where there is no limit. Prints a Markdown table.
//
//   node bench/experiments/rate-limit.mjs [--rounds 3]

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { nextGuest } from '../lib/load.mjs';
import { root, startServer } from '../lib/processes.mjs';
import { spread } from '../lib/stats.mjs';

const { GuestAuthenticator } = createRequire(import.meta.url)('../../index.js');

/** Creations a second, and as many at once. */
const LIMIT = { route: 'create', rate: 100, burst: 100, retryAfter: 1 };
const MOST_TIME = 1.4;
const MOST_REFUSED = 0.08;

const FREE_CALLS = 1000;
/** 24 in flight at first, one more for every sixteen that were accepted, until 256. */
const WARM_CALLS = 4000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3' } } });
const rounds = Number(values.rounds);

/** With a full bucket the first `burst` calls are free. */
const idealMs = (calls) => ((calls - LIMIT.burst) / LIMIT.rate) * 1000;

const contenders = {
  package: (sandbox, { crm, ...config }) => {
    const auth = new GuestAuthenticator({
      ...sandbox.config({ analyticsWebhookUrl: undefined, ...(crm ? {} : { crmBaseUrl: undefined }) }),
      auditLogCallback: () => {},
      ...config,
    });
    return { call: (payload) => auth.authenticateGuest(payload), close: () => auth.close() };
  },
  tutorial: (sandbox, { Tutorial }) => {
    const auth = new Tutorial(sandbox.config(), { fixed: true, audit: () => {}, attributes: () => {} });
    return { call: (payload) => auth.authenticateGuest(payload), close: () => {} };
  },
};

/** One burst of calls: how long it took, and what the server saw. */
async function burst(sandbox, contender, calls, { limit, hasProfile = true, ...options }) {
  await sandbox.reset();
  const client = contenders[contender](sandbox, options);
  // A token and a connection are there, as in a running service; the limit's bucket is full when the burst begins.
  await client.call(nextGuest(false));
  if (limit) await sandbox.limit(limit);
  await sandbox.clearCounts();
  const payloads = Array.from({ length: calls }, () => nextGuest(hasProfile));
  const started = performance.now();
  const outcomes = await Promise.allSettled(payloads.map((payload) => client.call(payload)));
  const ms = performance.now() - started;
  const { total, byStatus } = (await sandbox.counts()).routes.create;
  await client.close();
  const failed = outcomes.filter(({ status }) => status === 'rejected').length;
  return { ms, failed, requests: total, refused: (byStatus[429] ?? 0) / total };
}

/** Bursts without a limit: the first of an instance, and one after the slow start is long over. */
async function free(sandbox, latency) {
  await sandbox.reset();
  const client = contenders.package(sandbox, { crm: false });
  await client.call(nextGuest(false));
  const timed = async (calls) => {
    const payloads = Array.from({ length: calls }, () => nextGuest(false));
    const started = performance.now();
    await Promise.all(payloads.map((payload) => client.call(payload)));
    return performance.now() - started;
  };
  await sandbox.latency(latency);
  const cold = await timed(FREE_CALLS);
  await sandbox.latency(0);
  await timed(WARM_CALLS);
  await sandbox.latency(latency);
  const warm = await timed(FREE_CALLS);
  await client.close();
  return { cold, warm };
}

async function repeated(...args) {
  const seen = [];
  for (let round = 0; round < rounds; round += 1) {
    seen.push(await burst(...args));
    process.stderr.write('.');
  }
  const of = (figure) => spread(seen.map((run) => run[figure]));
  return { ms: of('ms'), failed: of('failed'), requests: of('requests'), refused: of('refused') };
}

const seconds = ({ median, min, max }) =>
  `${(median / 1000).toFixed(2)} s (${(min / 1000).toFixed(2)}–${(max / 1000).toFixed(2)})`;
const percent = ({ median, max }) => `${(median * 100).toFixed(1)} % (most ${(max * 100).toFixed(1)} %)`;
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

async function tutorial() {
  const built = join(root, '__test__', 'fixtures', 'tutorial', 'dist', 'index.js');
  if (!existsSync(built)) {
    throw new Error('build the tutorial first: node_modules/.bin/tsc -p __test__/fixtures/tutorial');
  }
  return (await import(pathToFileURL(built).href)).GuestAuthenticator;
}

const Tutorial = await tutorial();
const sandbox = await startServer();
let misses = 0;

console.log(`\n${rounds} rounds, median (range). 100 creations a second, bucket of 100, \`Retry-After: 1\`.\n`);
row('calls at once', '', 'time', 'ideal', 'time / ideal', 'creation requests', 'answered 429', 'failed');
row('---:', '---', '---', '---:', '---:', '---:', '---', '---:');
for (const calls of [500, 1000]) {
  for (const [name, contender, options] of [
    ['package, no CRM', 'package', { crm: false }],
    ['package, CRM and attributes', 'package', { crm: true }],
    ['tutorial', 'tutorial', { Tutorial }],
  ]) {
    const { ms, failed, requests, refused } = await repeated(sandbox, contender, calls, { limit: LIMIT, ...options });
    const ratio = ms.median / idealMs(calls);
    if (contender === 'package') {
      misses += Number(ms.max / idealMs(calls) > MOST_TIME) + Number(refused.max > MOST_REFUSED) + failed.max;
    }
    const ideal = `${idealMs(calls) / 1000} s`;
    row(calls, name, seconds(ms), ideal, ratio.toFixed(2), requests.median, percent(refused), failed.median);
  }
}

console.log(
  `\nWithout a limit, ${FREE_CALLS} calls at once, no CRM. The first burst meets the slow start; after ${WARM_CALLS}`,
);
console.log('accepted calls the window is as wide as `maxConcurrency` (256) and pacing does nothing any more.\n');
row('server answers', 'first burst', 'warm burst', 'difference');
row('---', '---', '---', '---:');
for (const latency of [0, 5, 20, 100]) {
  const seen = [];
  for (let round = 0; round < rounds; round += 1) seen.push(await free(sandbox, latency));
  const [cold, warm] = ['cold', 'warm'].map((which) => spread(seen.map((run) => run[which])));
  const answers = latency === 0 ? 'at once' : `after ${latency} ms`;
  row(answers, seconds(cold), seconds(warm), `${(cold.median - warm.median).toFixed(0)} ms`);
}

console.log(misses === 0 ? '\nWithin the bounds.' : `\n${misses} bounds missed.`);
await sandbox.close();
process.exitCode = misses === 0 ? 0 : 1;
