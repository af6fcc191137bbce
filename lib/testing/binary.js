'use strict';

// Finds the sandbox's program.

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');

/** The path of the program: `GENESYS_GUEST_AUTH_SANDBOX`, or what was built into this package. */
function binary() {
  const chosen = process.env.GENESYS_GUEST_AUTH_SANDBOX;
  if (chosen) {
    if (existsSync(chosen)) return chosen;
    throw new Error(`GENESYS_GUEST_AUTH_SANDBOX names ${chosen}, but there is no such file`);
  }
  const name = `sandbox-${process.platform}-${process.arch}${process.platform === 'win32' ? '.exe' : ''}`;
  const built = join(__dirname, '..', '..', 'native', name);
  if (existsSync(built)) return built;
  const advice = [
    'From a checkout of the source, `npm run build` makes it (needs Rust).',
    'A program elsewhere is found through the environment variable GENESYS_GUEST_AUTH_SANDBOX.',
  ];
  throw new Error(`There is no sandbox for this platform in this installation: ${built}\n  ${advice.join('\n  ')}`);
}

module.exports = { binary };
