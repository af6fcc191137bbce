// Looks for words that must not be seen, in everything that can be seen.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';

export function assertFree(text, words, where) {
  for (const word of words) {
    const at = text.indexOf(word);
    if (at >= 0) assert.fail(`${where} shows ${word}: …${text.slice(Math.max(0, at - 200), at + 100)}…`);
  }
}

/** All that can be seen of a value. */
export function seen(value) {
  const options = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true, maxStringLength: null };
  const parts = [inspect(value, options), inspect(value), String(value?.stack), String(value?.message)];
  for (let cause = value?.cause; cause; cause = cause.cause) parts.push(inspect(cause, options), String(cause.stack));
  try {
    parts.push(JSON.stringify(value) ?? '');
  } catch {
    // A cycle: what it holds is in the inspection.
  }
  return parts.join('\n');
}

/** What goes to the console or becomes a warning until the test ends, as it comes. */
export function listen(t) {
  const said = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug']) {
    t.mock.method(console, method, (...args) => said.push(args.map((arg) => inspect(arg)).join(' ')));
  }
  const note = (warning) => said.push(seen(warning));
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  return said;
}
