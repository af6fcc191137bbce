'use strict';

// The JavaScript end of the bridge: numbers calls, settles them when their results come, and keeps the process alive
// while there are any. One for each environment (main thread or worker).

const { native } = require('./native.js');
const { fromStructure } = require('./errors.js');
const { keepThrown, sourceOf, thrownBy } = require('./sources.js');

const { Resolve, Reject, Warning, Idle, TokenWanted, StoreCalled } = native.MessageKind;

const MAX_CALL = 2 ** 32;
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

/** A call's failure as the core tells it, `{ error, audit? }`, before it becomes an error in the stack of who awaits it. */
class Refusal {
  constructor(structure) {
    this.structure = structure;
  }
}

const pending = new Map();
const idleListeners = new Set();
let lastCall = 0;

// The portable way to keep a process alive: references to a thread-safe function hold Node, but not Bun or Deno.
let keepAlive;

function hold() {
  keepAlive ??= setInterval(() => {}, LONGEST_INTERVAL_MS);
  keepAlive.ref();
}

const bridge = new native.Bridge(dispatch);

function dispatch(json) {
  const batch = JSON.parse(json);
  for (let i = 0; i < batch.length; i += 3) {
    const number = batch[i + 1];
    const value = batch[i + 2];
    switch (batch[i]) {
      case Resolve:
        settle(number, value);
        break;
      case Reject:
        settle(number, new Refusal(value));
        break;
      case Warning:
        warn(value.message, value.code);
        break;
      case Idle:
        for (const listener of idleListeners) listener();
        break;
      case TokenWanted:
        provideToken(number, value);
        break;
      case StoreCalled:
        callStore(number, value);
        break;
    }
  }
}

function settle(call, outcome) {
  const resolve = pending.get(call);
  if (resolve === undefined) return;
  pending.delete(call);
  if (pending.size === 0) keepAlive.unref();
  resolve(outcome);
}

/** The outcome of a call that ended at once, as the core returns it. */
function settledOf(json) {
  const outcome = JSON.parse(json);
  return 'error' in outcome ? new Refusal(outcome) : outcome;
}

/** The number of a new call; throws `signal.reason` where that is aborted already. */
function open(signal) {
  if (signal?.aborted) throw signal.reason;
  do lastCall = (lastCall + 1) % MAX_CALL;
  while (pending.has(lastCall));
  return lastCall;
}

let lastResolve;

/** One function for all promises: a closure for each would be a fiftieth of what a call allocates. */
function takeResolve(resolve) {
  lastResolve = resolve;
}

/**
 * The outcome of a call that the core has begun: its result, or a {@link Refusal}. Never rejects.
 * @param {number} call
 * @param {AbortSignal} [signal] ends the call
 */
function outcomeOf(call, signal) {
  const settled = new Promise(takeResolve);
  pending.set(call, lastResolve);
  if (pending.size === 1) hold();
  return signal === undefined ? settled : endedBy(signal, call, settled);
}

async function endedBy(signal, call, settled) {
  watch(signal, call);
  const outcome = await settled;
  unwatch(signal, call);
  return outcome;
}

/**
 * Makes a native call, which `begin(call)` starts. Resolves with the core's result; a failure is thrown as `signal.reason`
 * when the signal ended the call, else as an error.
 */
async function call(begin, signal) {
  const number = open(signal);
  begin(number);
  const outcome = await outcomeOf(number, signal);
  if (outcome instanceof Refusal) throw failure(outcome, signal, call);
  // The core has ended the call before it heard of the abort; the caller was promised `signal.reason`.
  if (signal?.aborted) throw signal.reason;
  return outcome;
}

/** Calls under way by signal. One listener for each: Node warns of a leak from the eleventh on. */
const watched = new WeakMap();

function watch(signal, number) {
  let entry = watched.get(signal);
  if (entry === undefined) {
    const numbers = new Set();
    const abort = () => {
      // The latest first: else the place that an earlier call gives up would be taken by one that ends next.
      for (const one of [...numbers].reverse()) bridge.abort(one);
    };
    entry = { numbers, abort };
    watched.set(signal, entry);
    signal.addEventListener('abort', abort, { once: true });
  }
  entry.numbers.add(number);
  // The payload's own getters have run since the first look.
  if (signal.aborted) bridge.abort(number);
}

function unwatch(signal, number) {
  const { numbers, abort } = watched.get(signal);
  numbers.delete(number);
  if (numbers.size > 0) return;
  watched.delete(signal);
  signal.removeEventListener('abort', abort);
}

/** What to throw. Its stack begins below `callee`: what the reader wants to see first is who called. */
function failure({ structure }, signal, callee = failure) {
  const { code, callback } = structure.error;
  if (code === 'ABORTED' && signal?.aborted) return signal.reason;
  const thrown = thrownBy(callback);
  if (thrown !== undefined && code !== 'STORE_UNAVAILABLE') return thrown.error;
  const error = fromStructure(structure.error, thrown?.error);
  Error.captureStackTrace?.(error, callee);
  return error;
}

/** The signal of a call's options; something else in its place is the caller's mistake. */
function signalOf(options) {
  const signal = options?.signal ?? undefined;
  if (signal === undefined || typeof signal?.addEventListener === 'function') return signal;
  throw new TypeError('options.signal must be an AbortSignal');
}

async function provideToken(request, source) {
  try {
    const token = await sourceOf(source)?.provideToken();
    if (typeof token !== 'string')
      throw new TypeError(`getAccessToken must resolve with a string, got ${typeof token}`);
    bridge.provideToken(request, token);
  } catch (error) {
    keepThrown(request, error);
    bridge.provideToken(request, null);
  }
}

async function callStore(request, [source, name, ...args]) {
  try {
    bridge.answerStore(request, await sourceOf(source)?.call(name, args));
  } catch (error) {
    keepThrown(request, error);
    bridge.answerStore(request, null);
  }
}

function warn(message, code) {
  process.emitWarning(message, { type: 'GenesysGuestAuthWarning', code });
}

/** Calls `listener` whenever an outbox of this environment has run empty. */
function onIdle(listener) {
  idleListeners.add(listener);
}

module.exports = { Refusal, bridge, call, failure, onIdle, open, outcomeOf, settledOf, signalOf, warn };
