// Runs commands one after another, each under a heading, and ends at the first that fails.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** @param {string} title @param {string} command @param {string[]} args */
export function step(title, command, args, env = {}) {
  console.log(`\n── ${title}`);
  const started = performance.now();
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  if (error?.code === 'ENOENT') console.error(`${command} was not found`);
  if (status !== 0) {
    console.error(`\n✗ ${title}`);
    process.exit(status || 1);
  }
  console.log(`   ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Installs the development dependencies where they are missing or older than the lock file. */
export function installDependencies() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  // Not `npm ci`: it wants every platform's optional binaries in the lock file, also those that a mirror does not have.
  step('install development dependencies', npm, ['install', '--no-save', '--no-audit', '--no-fund']);
}

/** A tool of the development dependencies. */
export function bin(name) {
  return join(root, 'node_modules', '.bin', name);
}
