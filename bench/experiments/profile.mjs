// Where the microseconds of an authentication go: `node bench/experiments/profile.mjs`. Linux, with `perf`.
//
// Builds the addon once more, with symbols, into a target folder of its own, samples a client with 64 calls in flight and
// four requests a guest, and sorts the samples by thread and by what they were in. The rows add up to the whole.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run, startServer } from '../lib/processes.mjs';

const WARM_MS = 1500;
const MEASURE_MS = 5000;

/** The first that fits a sample's binary and function names its row. */
const ROWS = {
  'kernel: sockets, wake-ups, scheduling': (binary) => binary === '[kernel.kallsyms]' || binary === '[vdso]',
  'allocation and memory copies': (_, name) =>
    /^_?(mi_|_mi_|malloc|calloc|realloc|free|cfree|_int_|unlink_chunk|posix_memalign|mem(move|cpy|set|cmp)|__mem)/.test(
      name,
    ),
  'HTTP: hyper, headers, URLs': (_, name) =>
    /\b(hyper\w*|h2|http\w*|tower\w*|httparse|url|idna|percent_encoding|bytes|rustls\w*)::/.test(name),
  'tasks and timers: tokio, futures': (_, name) => /\b(tokio\w*|futures\w*|mio|parking_lot\w*)::/.test(name),
  'JSON in the core: serde': (_, name) => /\b(serde\w*|ryu|itoa)::/.test(name),
  'signatures and keys: SHA-256': (_, name) => /\b(sha2|hmac|digest|subtle)\b/.test(name),
  'Node-API': (_, name) => /napi/.test(name),
  'the core itself': (_, name) => name.includes('genesys_guest_auth'),
  'rest of the addon': (binary) => binary.endsWith('.node'),
  'JSON.parse and JSON.stringify': (_, name) => /Json/.test(name),
  'JavaScript: compiled code, built-ins, inline caches': (binary, name) =>
    binary.startsWith('[JIT]') || /^(Builtins_|v8::internal::(Runtime|IC|LoadIC|StoreIC))/.test(name),
  'garbage collection': (_, name) => /Scaveng|Heap::|Mark|Sweep|GC|Evacuat/.test(name),
  'rest of V8, libuv and Node': () => true,
};

const folder = mkdtempSync(join(tmpdir(), 'guest-profile-'));
try {
  const addon = join(folder, 'addon.node');
  copyFileSync(build(), addon);
  const server = await startServer();
  const data = join(folder, 'perf.data');
  const job = { measure: 'throughput', variant: 'package', url: server.url, inFlight: 64, hasProfile: true };
  const client = JSON.stringify({ ...job, warmMs: WARM_MS, measureMs: MEASURE_MS });
  const perf = [
    'record',
    '-q',
    '-D',
    String(WARM_MS),
    '-F',
    '4999',
    '-o',
    data,
    '--',
    process.execPath,
    '--perf-basic-prof',
  ];
  const figures = await run(
    'perf',
    [...perf, join(root, 'bench', 'client.mjs'), client],
    {
      GENESYS_GUEST_AUTH_NATIVE: addon,
      NODE_OPTIONS: '',
    },
    folder,
  );
  await server.close();
  print(samples(data), figures);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function build() {
  const target = join(root, 'target', 'profile');
  execFileSync('cargo', ['rustc', '--lib', '--crate-type', 'cdylib', '--profile', 'addon', '--locked'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      CARGO_TARGET_DIR: target,
      CARGO_PROFILE_ADDON_STRIP: 'none',
      CARGO_PROFILE_ADDON_DEBUG: '1',
    },
  });
  return join(target, 'addon', 'libgenesys_guest_auth.so');
}

/** `[thread, binary, function, share]` of all samples. */
function samples(data) {
  const format = ['--no-children', '--stdio', '-g', 'none', '--percent-limit', '0', '-t', '\t'];
  const text = execFileSync('perf', ['report', '-i', data, ...format, '--sort', 'comm,dso,symbol'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split('\t').map((field) => field.trim()))
    .map(([share, thread, binary, name = '']) => [
      thread,
      binary,
      name.replace(/^\[.\] /, ''),
      Number.parseFloat(share),
    ]);
}

function print(all, { processUs, perSecond }) {
  const sums = {};
  for (const [thread, binary, name, share] of all) {
    const row = Object.keys(ROWS).find((row) => ROWS[row](binary, name));
    sums[row] ??= [0, 0];
    sums[row][thread.startsWith('genesys') ? 1 : 0] += share;
  }
  const whole = Object.values(sums)
    .flat()
    .reduce((sum, share) => sum + share, 0);
  const us = (share) => ((share / whole) * processUs).toFixed(1);
  const lines = Object.entries(sums)
    .sort(([, a], [, b]) => b[0] + b[1] - a[0] - a[1])
    .map(([row, [main, native]]) => `| ${row} | ${us(main)} | ${us(native)} | ${us(main + native)} |`);
  const total = Object.values(sums).reduce(([main, native], own) => [main + own[0], native + own[1]], [0, 0]);
  lines.push(`| **all** | ${us(total[0])} | ${us(total[1])} | ${us(whole)} |`);
  console.log(`\n${Math.round(perSecond)} authentications/s while sampled; µs for each, four requests\n`);
  console.log('| in | Node’s threads | the core’s thread | both |\n| --- | ---: | ---: | ---: |');
  console.log(lines.join('\n'));
}
