// Reads guests from a file, one JSON object a line, and authenticates them, some of them at once.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `npm run demo` is told to use the guest API of web messaging. */
export const WEB_MESSAGING = '--web-messaging';

/**
 * The guests of the file that the user named, or of an example beside `demo.mjs`: `{ file, guests }`. Where it cannot be
 * read, the process ends with 2.
 */
export async function guestsOf(example) {
  const named = process.argv.slice(2).find((argument) => argument !== WEB_MESSAGING);
  // npm runs scripts in the package's folder; a file is meant as seen from where the user is.
  const file = named
    ? resolve(process.env.INIT_CWD ?? '', named)
    : fileURLToPath(new URL(`../${example}`, import.meta.url));
  try {
    return { file, guests: await readGuests(file) };
  } catch (error) {
    console.error(`Cannot read ${file}: ${error.message.split(',')[0]}`);
    process.exit(2);
  }
}

/**
 * The lines that are not empty, each with its number in the file, from 1: `{ line, payload }`, or `{ line, error }` for
 * one that is not JSON.
 */
async function readGuests(file) {
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
 * Gives one outcome for each guest, in the order of the file: the guest with `result` and `ms` when authenticated, with
 * `error` and `ms` when refused, and what was no JSON as it came. A guest may have `options` for the call.
 */
export async function authenticateAll(authenticator, guests, { atOnce, onProgress }) {
  const outcomes = [];
  const lastOf = new Map();
  const queue = guests.values();

  async function authenticate(guest) {
    const started = performance.now();
    try {
      const result = await authenticator.authenticateGuest(guest.payload, guest.options);
      return { ...guest, result, ms: performance.now() - started };
    } catch (error) {
      return { ...guest, error, ms: performance.now() - started };
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
