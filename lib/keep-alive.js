'use strict';

// Keeps the process alive for analytics events that wait in memory, for a while after the last call.

const { onIdle, warn } = require('./bridge.js');

const DEFAULT_LINGER_MS = 10_000;

/** Instances with events under way: core → { until, lingerMs }. */
const lingering = new Map();
let timer;
let watchesExit = false;

/** Called after each call that may have left an event behind. */
function linger(core, lingerMs = DEFAULT_LINGER_MS) {
  const until = performance.now() + lingerMs;
  const known = lingering.get(core);
  if (known !== undefined) {
    known.until = until;
    return;
  }
  if (core.undelivered() === 0) return;
  lingering.set(core, { until });
  timer ??= setTimeout(look, lingerMs);
  if (!watchesExit) {
    watchesExit = true;
    onIdle(look);
    process.on('beforeExit', report);
  }
}

/** Lets go of what was delivered and of what has waited long enough. */
function look() {
  const now = performance.now();
  let next = Infinity;
  for (const [core, { until }] of lingering) {
    if (core.undelivered() === 0) lingering.delete(core);
    else if (until > now) next = Math.min(next, until);
  }
  clearTimeout(timer);
  timer = next === Infinity ? undefined : setTimeout(look, next - now);
}

/** The process has nothing left to do: what is undelivered now is lost. */
function report() {
  let left = 0;
  for (const core of lingering.keys()) left += core.undelivered();
  lingering.clear();
  const events = left === 1 ? 'event was' : 'events were';
  if (left > 0) warn(`${left} analytics ${events} not delivered before the process ended`, 'ANALYTICS_UNDELIVERED');
}

module.exports = { linger };
