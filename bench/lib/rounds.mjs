// Rounds: every case once a round, in alternating order, so that what changes with time hits all alike.

import { spreads } from './stats.mjs';

/**
 * @template Case
 * @param {Record<string, Case>} cases
 * @param {number} count of rounds
 * @param {(one: Case, name: string) => Promise<object>} measure
 * @returns {Promise<Record<string, object>>} `{ figure: { median, min, max } }` by case
 */
export async function rounds(cases, count, measure) {
  const names = Object.keys(cases);
  const seen = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < count; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      seen[name].push(await measure(cases[name], name));
      process.stderr.write('.');
    }
  }
  return Object.fromEntries(names.map((name) => [name, spreads(seen[name])]));
}
