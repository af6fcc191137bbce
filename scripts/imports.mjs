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
  ['shared', 'redis'],
  ['domain'],
  ['net'],
  ['error', 'secret', 'single_flight', 'json', 'text', 'sync'],
];

/** Imports below `src/` that are known to be wrong, `from -> to`. The check fails when one of them no longer is. */
const KNOWN = [
  // Upwards.
  'gate.rs -> redis/command.rs',
  'gate.rs -> redis/connection.rs',
  'gate.rs -> redis/vault.rs',
  'oauth.rs -> shared.rs',
  'oauth/shared.rs -> redis/vault.rs',
  'oauth/shared.rs -> shared.rs',
  'rotation.rs -> shared.rs',
  'rotation/shared.rs -> redis/vault.rs',
  'rotation/shared.rs -> shared.rs',
  'shared.rs -> config/mod.rs',
  // In a circle.
  'authenticator/upkeep.rs -> authenticator.rs',
  'config/outbox.rs -> config/parts.rs',
  'config/parts.rs -> config/mod.rs',
  'net/fault.rs -> net/exchange.rs',
  'oauth/shared.rs -> oauth.rs',
];

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
