'use strict';

// Analytics events that an outbox on disk has given up.

const { call } = require('./bridge.js');

async function deadLettersOf(core) {
  return call((number) => core.deadLetters(number));
}

async function redeliverOf(core, ids) {
  const chosen = idsOf(ids);
  return call((number) => core.redeliver(number, chosen));
}

async function discardOf(core, ids) {
  const chosen = idsOf(ids);
  return call((number) => core.discardDeadLetters(number, chosen));
}

/** All where nothing is given. An empty list means none: it is what a filter leaves that finds nothing. */
function idsOf(ids) {
  if (ids === undefined) return undefined;
  const list = typeof ids !== 'string' && typeof ids?.[Symbol.iterator] === 'function' ? [...ids] : undefined;
  if (!list?.every((id) => typeof id === 'string')) throw new TypeError('ids must be a list of strings');
  return list;
}

module.exports = { deadLettersOf, discardOf, redeliverOf };
