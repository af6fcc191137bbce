// Surroundings of a process that a test starts: names have the addresses that the test says, and no other machine can be
// reached. See `surroundings.c`.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folderFor } from '../places.mjs';
import { find } from './programs.mjs';

const SOURCE = fileURLToPath(new URL('./surroundings.c', import.meta.url));

/** Longer than any test that must not wait for a slow look-up. */
const SLOW_SECONDS = 60;

/** Options for tests that need it. */
export const needsSurroundings = { skip: reason() };

function reason() {
  if (process.platform === 'linux' && find('cc') !== undefined) return false;
  console.error('SKIPPED: look-ups of names are tested on Linux with a C compiler');
  return 'no Linux with a C compiler';
}

let library;

function build() {
  if (library !== undefined) return library;
  const folder = mkdtempSync(join(tmpdir(), 'guest-surroundings-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  library = join(folder, 'surroundings.so');
  execFileSync(find('cc'), ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, SOURCE, '-ldl']);
  return library;
}

/**
 * `{ env, seen() }`: the environment for a process in which these names have these addresses, and what it looked up and
 * tried to reach: `lookup name`, `connect address`. Names in `slow` are looked up for ever.
 */
export function surroundings(t, names = {}, slow = []) {
  const log = join(folderFor(t, 'surroundings'), 'log');
  const entry = ([name, addresses]) => `${slow.includes(name) ? 'slow+' : ''}${name}=${[addresses].flat().join(',')}`;
  return {
    env: {
      LD_PRELOAD: build(),
      LOOKUPS: Object.entries(names).map(entry).join(';'),
      LOOKUP_SECONDS: String(SLOW_SECONDS),
      SURROUNDINGS_LOG: log,
    },
    seen: () => {
      try {
        return readFileSync(log, 'utf8').trim().split('\n').filter(Boolean);
      } catch {
        return [];
      }
    },
  };
}
