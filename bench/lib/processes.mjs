// The processes of a run: the sandbox on one core, the measured client on the other.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const { startSandbox } = createRequire(import.meta.url)('../../lib/testing/index.js');

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const CLIENT_CORE = 0;
const SERVER_CORE = 1;
/** Whether processes can be bound to cores here. Without it the figures are noisier, and the report says so. */
export const isPinned = process.platform === 'linux' && availableParallelism() > 1;

const pinned = (command, args) =>
  isPinned ? ['taskset', ['-c', String(CLIENT_CORE), command, ...args]] : [command, args];

/** A sandbox without a log, on its own core. */
export async function startServer(options = {}) {
  const sandbox = await startSandbox({ log: false, logCapacity: 0, ...options });
  if (isPinned) await promisify(execFile)('taskset', ['-apc', String(SERVER_CORE), String(sandbox.pid)]);
  return sandbox;
}

/**
 * Runs a job in a process of its own.
 * @param {object} job see `client.mjs`
 * @param {{ flags?: string[], env?: NodeJS.ProcessEnv }} [options] `flags` are Node's
 */
export async function runJob(job, { flags = [], env = {} } = {}) {
  const client = join(root, 'bench', 'client.mjs');
  return run(process.execPath, [...flags, client, JSON.stringify(job)], env);
}

/** Runs a program that prints JSON in its last line. */
export async function run(program, args, env = {}, cwd = root) {
  const child = spawn(...pinned(program, args), {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed += text;
  });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ended with ${signal ?? `code ${code}`}: ${args.at(-1)}`);
  return JSON.parse(printed.trimEnd().split('\n').at(-1));
}
