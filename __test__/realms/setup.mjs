// Runs a test runner as a user does, and says what it printed where it failed.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { startSandbox } = require('../../lib/testing/index.js');

export const fixtures = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');

/** @returns a sandbox and what the fixtures read of it */
export async function startRealm(realm) {
  const sandbox = await startSandbox({ log: false });
  const env = { REALM: realm, REALM_SANDBOX: sandbox.url, REALM_CONFIG: JSON.stringify(sandbox.config()) };
  return { sandbox, env };
}

/**
 * Runs a program of a development dependency.
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(script, args, env) {
  const options = { cwd: fixtures, env: { ...process.env, NODE_OPTIONS: '', CI: '1', NO_COLOR: '1', ...env } };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: `${stdout}\n${stderr}` });
    });
  });
}

/** The file of a package's program. */
export function program(name) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = require(manifest);
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
}
