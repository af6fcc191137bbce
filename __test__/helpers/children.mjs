// Child processes: what concerns a whole process is tried in one of its own.

import { spawn } from 'node:child_process';
import { root } from './setup.mjs';

/** Longer than any child takes on a busy machine; the end of a child that hangs. */
const LIMIT_MS = 60_000;

/**
 * Starts a program, and resolves with its `{ code, signal, stdout, stderr }` when it has ended. `hung` says that it had to
 * be ended. `onStart` gets the process.
 */
export function start(command, args, { env = {}, limitMs = LIMIT_MS, onStart, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, ...options, env: { ...process.env, ...env } });
    const out = { stdout: '', stderr: '', hung: false };
    const timer = setTimeout(() => {
      out.hung = true;
      child.kill('SIGKILL');
    }, limitMs);
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        out[name] += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...out });
    });
    onStart?.(child);
  });
}

/**
 * Runs CommonJS code in a Node of its own. In it, `pkg` is the package and `config` what `options.config` says.
 */
export function run(code, { config = {}, execArgv = [], prelude = PRELUDE, env, ...options } = {}) {
  const args = [...execArgv, '--input-type=commonjs', '--eval', `${prelude}\n${code}`];
  return start(process.execPath, args, {
    ...options,
    env: { ...env, PACKAGE_ROOT: root, CONFIG: JSON.stringify(config) },
  });
}

const PRELUDE = `
  'use strict';
  const config = JSON.parse(process.env.CONFIG);
  const pkg = require(process.env.PACKAGE_ROOT);
  const guest = (changes) => ({ email: 'guest@example.com', consent: true, channelId: 'web', ...changes });
`;
