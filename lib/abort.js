'use strict';

// Calls that end with an `AbortSignal`.

const { read } = require('./options.js');

/** @typedef {import('./types/config').AbortSignalLike} Signal */
/** @typedef {import('./types/config').CallOptions} CallOptions */

/**
 * The signal in a call's options. Anything else in its place is a `TypeError`.
 * @param {CallOptions | undefined} options
 * @returns {Signal | undefined}
 */
function signalOf(options) {
  if (options === undefined || options === null) return undefined;
  const signal = read(options, 'signal') ?? undefined;
  if (signal === undefined || typeof signal?.addEventListener === 'function') return signal;
  throw new TypeError('options.signal must be an AbortSignal');
}

/**
 * What a call that a signal has ended rejects with. A signal that only imitates the platform's may have no reason.
 * @param {Signal} signal
 */
function reasonOf(signal) {
  if (signal.reason !== undefined) return signal.reason;
  const error = new Error('This operation was aborted');
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

/**
 * Calls under way by signal. One listener for each: Node warns of a leak from the eleventh on.
 * @type {WeakMap<Signal, { numbers: Set<number>, listener: () => void }>}
 */
const watched = new WeakMap();

/**
 * Ends call `number` when the signal says so.
 * @param {Signal} signal
 * @param {number} number
 * @param {(number: number) => void} abort
 */
function watch(signal, number, abort) {
  let entry = watched.get(signal);
  if (entry === undefined) {
    const numbers = new Set();
    const listener = () => {
      // The latest call first: the place of an earlier one is then not taken by a call that ends in this same loop.
      for (const one of [...numbers].reverse()) abort(one);
    };
    entry = { numbers, listener };
    watched.set(signal, entry);
    signal.addEventListener('abort', listener, { once: true });
  }
  entry.numbers.add(number);
  // The payload's own getters have run since the first look.
  if (signal.aborted) abort(number);
}

/**
 * @param {Signal} signal
 * @param {number} number
 */
function unwatch(signal, number) {
  const entry = watched.get(signal);
  if (entry === undefined) return;
  entry.numbers.delete(number);
  if (entry.numbers.size > 0) return;
  watched.delete(signal);
  signal.removeEventListener('abort', entry.listener);
}

module.exports = { reasonOf, signalOf, unwatch, watch };
