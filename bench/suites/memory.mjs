// Memory, garbage, start-up, size.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { root, runJob } from '../lib/processes.mjs';
import { rounds } from '../lib/rounds.mjs';
import { CASES } from './speed.mjs';

/** Enough for ten million sessions of the tutorial's. A young generation that grew would count as memory of sessions. */
const BIG_HEAP = ['--expose-gc', '--max-old-space-size=12000', '--min-semi-space-size=16', '--max-semi-space-size=16'];
/** In MiB: more than a measure of `heap` allocates, so that nothing is collected. */
const YOUNG_GENERATION = 1024;

/** Bytes per live session, of the process and on the JavaScript heap. */
export function sessions({ quick }) {
  const sizes = quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000, 10_000_000];
  // Memory does not vary from round to round.
  return rounds({ map: 'map', package: 'package' }, 1, (variant) =>
    runJob({ measure: 'sessions', variant, sizes }, { flags: BIG_HEAP }),
  );
}

/** A full garbage collection without and with a million live sessions. */
export function collection({ quick, rounds: count }) {
  const size = quick ? 100_000 : 1_000_000;
  return rounds({ map: 'map', package: 'package' }, Math.min(count, 3), (variant) =>
    runJob({ measure: 'collection', variant, size }, { flags: BIG_HEAP }),
  );
}

/** Bytes allocated on the JavaScript heap for an authentication, garbage included, the driver taken off. */
export function heap({ quick, rounds: count, server }) {
  const flags = [
    '--expose-gc',
    `--min-semi-space-size=${YOUNG_GENERATION}`,
    `--max-semi-space-size=${YOUNG_GENERATION}`,
  ];
  return rounds(CASES, count, async ({ variant, hasProfile }) => {
    await server.reset();
    const calls = variant === 'axios' ? 500 : 2000;
    const figures = await runJob(
      { measure: 'heap', url: server.url, calls: quick ? calls / 4 : calls, variant, hasProfile },
      { flags },
    );
    if (figures.collections > 0) throw new Error(`heap: ${variant} was collected ${figures.collections} times`);
    return figures;
  });
}

/** From an empty process to an authenticator that can be called, and to its first guest. */
export function startup({ quick, rounds: count, server }) {
  const { axios, undici, 'package-4': own } = CASES;
  return rounds({ axios, undici, 'package-4': own }, quick ? 1 : Math.max(count, 7), async ({ variant }) => {
    await server.reset();
    return runJob({ measure: 'startup', url: server.url, variant });
  });
}

/** The binary that users load. */
export async function size() {
  const folder = join(root, 'native');
  const binaries = (await readdir(folder)).filter((file) => file.endsWith('.node'));
  const sizes = await Promise.all(binaries.map(async (file) => [file, (await stat(join(folder, file))).size]));
  return Object.fromEntries(sizes);
}
