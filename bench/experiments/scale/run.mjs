// 200 processes behind one rate limit: simulates an hour in seconds, prints a Markdown table, writes the figures and the chart.
//
//   npm run bench:scale                 an hour, three seeds; writes docs/scale.csv and docs/scale.svg
//   npm run bench:scale -- --minutes 5  a shorter run; writes nothing

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bars } from '../../lib/chart.mjs';
import { root } from '../../lib/processes.mjs';
import { spreads } from '../../lib/stats.mjs';

const MINUTES = 60;
const SEEDS = [1, 2, 3];

/** Names and colours of the strategies. */
const LOOKS = {
  Backoff: ['back-off alone', 0],
  Independent: ['a limiter per process', 1],
  Shared: ['the shared limiter', 2],
};
const SERVERS = { FixedWindow: 'fixed window', SlidingWindow: 'sliding window', TokenBucket: 'token bucket' };

const { values } = parseArgs({ options: { minutes: { type: 'string', default: String(MINUTES) } } });
const minutes = Number(values.minutes);

const runs = SEEDS.map((seed) => JSON.parse(simulate(minutes, seed)).results);
const results = runs[0].map(({ strategy, server, demand }, index) => ({
  ...rounded(spreads(runs.map((run) => run[index]))),
  strategy,
  server,
  demand,
}));
console.log(table());
if (minutes === MINUTES) {
  writeFileSync(join(root, 'docs', 'scale.csv'), csv());
  writeFileSync(join(root, 'docs', 'scale.svg'), chart());
}

function simulate(...args) {
  const manifest = join(root, 'bench', 'experiments', 'scale', 'Cargo.toml');
  return execFileSync('cargo', ['run', '--locked', '--quiet', '--manifest-path', manifest, '--', ...args.map(String)], {
    encoding: 'utf8',
    env: { ...process.env, CARGO_TARGET_DIR: join(root, 'target', 'scale') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Four digits are more than is known. */
function rounded(figures) {
  const round = (value) => (Number.isInteger(value) ? value : Number(value.toPrecision(4)));
  const entries = Object.entries(figures).map(([name, { median, min, max }]) => [
    name,
    { median: round(median), min: round(min), max: round(max) },
  ]);
  return Object.fromEntries(entries);
}

/** A line for each figure of each case. */
function csv() {
  const lines = results.flatMap(({ strategy, server, demand, ...figures }) =>
    Object.entries(figures).map(([figure, { median, min, max }]) =>
      [strategy, server, demand, figure, median, min, max].join(','),
    ),
  );
  return ['strategy,server,demand,figure,median,min,max', ...lines, ''].join('\n');
}

function table() {
  const percent = ({ median }) => `${(median * 100).toFixed(1)} %`;
  const seconds = ({ median }) => (median < 10 ? median.toFixed(2) : median.toFixed(0));
  const head = [
    'demand / limit',
    'server counts in',
    'strategy',
    'wasted requests',
    'accepted / limit',
    'failed calls',
    'wait p50 (s)',
    'p99 (s)',
    "Jain's index",
    'mean wait, least to most (s)',
  ];
  const lines = results
    .toSorted((a, b) => order(a) - order(b))
    .map((result) => [
      result.demand,
      SERVERS[result.server],
      LOOKS[result.strategy][0],
      percent(result.wastedShare),
      percent(result.throughputShare),
      percent(result.failedShare),
      seconds(result.waitP50),
      seconds(result.waitP99),
      result.jainServed.median.toFixed(3),
      `${seconds(result.meanWaitLeast)}–${seconds(result.meanWaitMost)}`,
    ]);
  const aligned = head.map((_, column) => (column < 3 ? '---' : '---:'));
  return [head, aligned, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Cases together, the strategies of a case one below the other. */
function order({ server, demand, strategy }) {
  const place = Object.keys(SERVERS).indexOf(server) * 1000 + (Number(demand) || 0) * 100;
  return place + Object.keys(LOOKS).indexOf(strategy);
}

function chart() {
  const group = (name, server, demand) => ({
    name,
    bars: results
      .filter((result) => result.server === server && result.demand === demand)
      .map(({ strategy, wastedShare }) => ({
        name: LOOKS[strategy][0],
        color: LOOKS[strategy][1],
        value: Object.fromEntries(Object.entries(wastedShare).map(([part, share]) => [part, share * 100])),
      })),
  });
  return bars({
    title: 'Requests that were answered 429, of all that were sent',
    note: '300 requests a minute for 200 processes, simulated for an hour with three seeds; less is better.',
    unit: '%',
    groups: [
      group('Demand at the limit, fixed window', 'FixedWindow', 1),
      group('Demand at the limit, sliding window', 'SlidingWindow', 1),
      group('Twice the limit, fixed window', 'FixedWindow', 2),
      group('Twice the limit, sliding window', 'SlidingWindow', 2),
      group('8 processes with 250 calls each at once, 100 a second', 'TokenBucket', 'at once'),
    ],
  });
}
