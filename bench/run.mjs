// Measures the package beside what it replaces, and prints, writes and draws the figures.
//
//   npm run bench                    all of it, in less than ten minutes
//   npm run bench -- --quick         a smoke run: one round, small sizes, no files written
//   npm run bench -- --only latency  one measure (may be repeated)
//   npm run bench -- --rounds 5      more rounds

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { charts } from './charts.mjs';
import { isPinned, root, startServer } from './lib/processes.mjs';
import { figures, report } from './report.mjs';
import { suites } from './suites/index.mjs';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string' },
  },
});
const unknown = values.only?.find((name) => !(name in suites));
if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${Object.keys(suites).join(', ')}`);
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const chosen = values.only ?? Object.keys(suites);

prepare();
const server = await startServer();
const results = {};
for (const name of chosen) {
  const started = performance.now();
  process.stderr.write(`${name} `);
  results[name] = await suites[name]({ quick: values.quick, rounds, server });
  process.stderr.write(` ${((performance.now() - started) / 1000).toFixed(0)} s\n`);
}
await server.close();

const run = { machine: machine(), rounds, results: rounded(results) };
console.log(`\n${report(run)}`);
// A part or a smoke run must not take the place of a whole one.
if (!values.quick && values.only === undefined) {
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'latest.json'), `${JSON.stringify(run, null, 2)}\n`);
  for (const [file, svg] of Object.entries(charts(run.results))) {
    writeFileSync(join(root, 'docs', `benchmark-${file}`), svg);
  }
  publish('docs/benchmark.md', 'bench', report(run));
  publish('README.md', 'figures', figures(run));
}

/** Puts a table between the marks of a page. */
function publish(page, mark, table) {
  const file = join(root, page);
  const place = new RegExp(`(<!-- ${mark} -->\\n)[\\s\\S]*(<!-- /${mark} -->)`);
  const text = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    text.replace(place, (_, begin, end) => `${begin}${table}${end}`),
  );
}

/** Builds what is measured, where it is not there already. */
function prepare() {
  const say = { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] };
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '__test__/fixtures/tutorial'], say);
  execFileSync('cargo', ['build', '--release', '--locked', '--quiet', '--manifest-path', 'bench/floor/Cargo.toml'], {
    ...say,
    env: { ...process.env, CARGO_TARGET_DIR: join(root, 'target', 'floor') },
  });
}

function machine() {
  const version = (name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpus()[0].model,
    cores: cpus().length,
    platform: `${process.platform} ${release()}`,
    node: process.version,
    rust: execFileSync('rustc', ['--version'], { encoding: 'utf8' }).trim().split(' ').slice(0, 2).join(' '),
    axios: version('axios'),
    undici: version('undici'),
    zod: version('zod'),
    pinned: isPinned,
  };
}

/** Four digits are more than any of this is exact to. */
function rounded(value) {
  if (typeof value === 'number') return Number(value.toPrecision(4));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, rounded(inner)]));
}
