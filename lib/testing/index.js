'use strict';

// Starts the sandbox: Genesys Cloud, a CRM and an analytics webhook on loopback, for tests.

const { spawn } = require('node:child_process');
const process = require('node:process');
const { clearTimeout, setTimeout } = require('node:timers');
const { argumentsOf } = require('./arguments.js');
const { binary } = require('./binary.js');
const { SandboxHandle } = require('./handle.js');

/** Limit for a start. It takes milliseconds, and longer on a busy machine. */
const START_TIMEOUT_MS = 30_000;
/** How much of what the program complains about is kept for an error message. */
const COMPLAINT_LENGTH = 4096;

/** Starts a sandbox and resolves when it listens. */
async function startSandbox(options = {}) {
  const child = spawn(options.binary ?? binary(), argumentsOf(options), { stdio: 'pipe', windowsHide: true });
  // Writing is never tried; closing is how the program is told to stop.
  child.stdin.on('error', () => {});
  const line = await firstLine(child);
  // After its first line the program prints only when something is wrong.
  child.stderr.on('data', (text) => process.stderr.write(text));
  for (const part of [child, child.stdin, child.stdout, child.stderr]) part.unref?.();
  return new SandboxHandle(child, JSON.parse(line), options);
}

/** The first line that the program prints. */
function firstLine(child) {
  return new Promise((resolve, reject) => {
    let printed = '';
    let complaint = '';
    const fail = (reason, cause) => {
      clearTimeout(timer);
      child.kill();
      const message = `The sandbox did not start: ${reason}${complaint && `\n${complaint.trim()}`}`;
      reject(new Error(message, { cause }));
    };
    const timer = setTimeout(() => fail(`it said nothing for ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    child.once('error', (error) => fail(error.message, error));
    // `close` and not `exit`: by then everything that it complained about has been read.
    child.once('close', (code, signal) => fail(`it ended with ${signal ?? `code ${code}`}`));
    child.stderr.setEncoding('utf8').on('data', (text) => {
      complaint = (complaint + text).slice(-COMPLAINT_LENGTH);
    });
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      const end = printed.indexOf('\n');
      if (end === -1) return;
      clearTimeout(timer);
      resolve(printed.slice(0, end));
    });
  });
}

module.exports = { startSandbox };
