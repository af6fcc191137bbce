// Reads guests from a file: one JSON object a line.

import { readFile } from 'node:fs/promises';

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
