// Finds circles of files and imports that run upwards, and fails.
//
//   node scripts/imports.mjs

import { join } from 'node:path';
import { rustImports, scriptImports } from './imports/read.mjs';
import { complaints } from './imports/rules.mjs';
import { root } from './run.mjs';

/** The floors of `src/`, from the top down, by the first part of a path. What is on none of them is a room of the domain. */
const FLOORS = [
  ['lib', 'benching'],
  ['addon'],
  ['components'],
  ['authenticator', 'enrich', 'lifecycle', 'metrics'],
  ['config'],
  ['shared'],
  ['domain'],
  ['net'],
  ['error', 'hint', 'secret', 'single_flight', 'json', 'text', 'sync', 'caller', 'notice'],
];

/** Imports below `src/` that are known to be wrong, `from -> to`. The check fails when one of them no longer is. */
const KNOWN = [];

/** The number of a file's floor; a higher number lies deeper. */
function floorOf(file) {
  const room = file.split('/')[0].replace(/\.rs$/, '');
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
  return floor < 0 ? FLOORS.findIndex(([room]) => room === 'domain') : floor;
}

const said = [
  ...complaints(rustImports(join(root, 'src')), { floorOf, known: KNOWN }),
  ...complaints(rustImports(join(root, 'sandbox', 'src'))),
  ...complaints(scriptImports(join(root, 'lib'))),
];
if (said.length > 0) {
  console.error(said.join('\n'));
  process.exit(1);
}
