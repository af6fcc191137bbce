// Reads guests from a file, one JSON object a line, and authenticates them, some of them at once.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The path of the file that the user named, or of the example. */
export function guestsFile(named) {
  // npm runs scripts in the package's folder; a file is meant as seen from where the user is.
  return named
    ? resolve(process.env.INIT_CWD ?? '', named)
    : fileURLToPath(new URL('../guests.jsonl', import.meta.url));
}

/**
 * The lines that are not empty, each with its number in the file, from 1: `{ line, payload }`, or `{ line, error }` for
 * one that is not JSON.
 */
export async function readGuests(file) {
  // Unlike toString(), a TextDecoder takes a byte order mark off.
  const text = new TextDecoder().decode(await readFile(file));
  return text
    .split(/\r?\n/)
    .map((content, index) => ({ line: index + 1, content }))
    .filter(({ content }) => content.trim() !== '')
    .map(({ line, content }) => ({ line, ...parse(content) }));
}

function parse(content) {
  try {
    return { payload: JSON.parse(content) };
  } catch {
    // The parser's own message repeats the line, and with it an address.
    return { error: Object.assign(new Error('the line is not JSON'), { code: 'NOT_JSON' }) };
  }
}

/**
 * Gives one outcome for each guest, in the order of the file: `{ line, payload, result, ms }` when authenticated,
 * `{ line, payload, error, ms }` when refused, and what was no JSON as it came.
 */
export async function authenticateAll(authenticator, guests, { atOnce, onProgress }) {
  const outcomes = [];
  const lastOf = new Map();
  const queue = guests.values();

  async function authenticate({ line, payload }) {
    const started = performance.now();
    try {
      const result = await authenticator.authenticateGuest(payload);
      return { line, payload, result, ms: performance.now() - started };
    } catch (error) {
      return { line, payload, error, ms: performance.now() - started };
    }
  }

  // Two calls for one session that run at once race for it. Here the earlier line shall win, so the later one waits.
  function takeTurn(guest) {
    const session = sessionOf(guest.payload);
    const turn = Promise.resolve(lastOf.get(session)).then(() => authenticate(guest));
    lastOf.set(session, turn);
    return turn;
  }

  async function work() {
    for (const guest of queue) {
      outcomes.push(guest.error ? guest : await takeTurn(guest));
      onProgress?.(outcomes.length);
    }
  }

  await Promise.all(Array.from({ length: atOnce }, work));
  return outcomes.sort((a, b) => a.line - b.line);
}

/** Equal for payloads that could mean the same session; a payload can be anything that JSON can hold. */
function sessionOf(payload) {
  return JSON.stringify([payload?.email, payload?.channelId]).toLowerCase();
}
