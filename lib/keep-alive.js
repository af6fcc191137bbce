'use strict';

// What keeps the process alive: calls that run, and for a while after the last call the analytics events that wait in memory.

const { performance } = require('node:perf_hooks');
const process = require('node:process');
const { clearTimeout, setInterval, setTimeout } = require('node:timers');
const { warn } = require('./warning.js');

/** @typedef {{ undelivered(): number }} Core the native half of an instance that reports */

const DEFAULT_LINGER_MS = 10_000;
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/**
 * The portable way: references to a thread-safe function hold Node, but not Bun or Deno.
 * @type {NodeJS.Timeout | undefined}
 */
let interval;

/** Keeps the process alive until `letGo`, for calls that run. */
function hold() {
  interval ??= setInterval(() => {}, LONGEST_INTERVAL_MS);
  interval.ref();
}

function letGo() {
  interval?.unref();
}

/**
 * Instances with events under way.
 * @type {Map<Core, { until: number }>}
 */
const waiting = new Map();
/** @type {NodeJS.Timeout | undefined} */
let timer;
let watchesExit = false;

/**
 * Called after each call that may have left an event behind.
 * @param {Core} core
 * @param {number} [lingerMs] how long the process may wait for it
 */
function holdForEvents(core, lingerMs = DEFAULT_LINGER_MS) {
  const until = performance.now() + lingerMs;
  const known = waiting.get(core);
  if (known !== undefined) {
    known.until = until;
    return;
  }
  if (core.undelivered() === 0) return;
  waiting.set(core, { until });
  timer ??= setTimeout(letGoOfEvents, lingerMs);
  if (!watchesExit) {
    watchesExit = true;
    process.on('beforeExit', report);
  }
}

/** Lets the process end as far as events were delivered or have waited long enough. */
function letGoOfEvents() {
  const now = performance.now();
  let next = Infinity;
  for (const [core, { until }] of waiting) {
    if (core.undelivered() === 0) waiting.delete(core);
    else if (until > now) next = Math.min(next, until);
  }
  clearTimeout(timer);
  timer = next === Infinity ? undefined : setTimeout(letGoOfEvents, next - now);
}

/** The process has nothing left to do: what is undelivered now is lost. */
function report() {
  let left = 0;
  for (const core of waiting.keys()) left += core.undelivered();
  waiting.clear();
  const events = left === 1 ? 'event was' : 'events were';
  if (left > 0) warn(`${left} analytics ${events} not delivered before the process ended`, 'ANALYTICS_UNDELIVERED');
}

module.exports = { hold, holdForEvents, letGo, letGoOfEvents };
