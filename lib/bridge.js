'use strict';

// The JavaScript end of the bridge: numbers calls, and settles them when their results come. One for each environment (main
// thread or worker).

const { reasonOf, unwatch, watch } = require('./abort.js');
const {
  contextOf,
  forgetContext,
  keepContext,
  keepThrown,
  ownerOf,
  runForHolder,
  thrownBy,
} = require('./callbacks.js');
const { fromStructure } = require('./errors.js');
const { hold, letGo, letGoOfEvents } = require('./keep-alive.js');
const { native } = require('./native.js');
const { warn } = require('./warning.js');

const { Resolve, Reject, Warning, Idle, TokenWanted, StoreCalled } = native.MessageKind;

/** @typedef {import('./types/config').AbortSignalLike} Signal */

/** @typedef {{ error: import('./errors.js').Structure, audit?: object }} Failure */

/** A call's failure as the core tells it. It becomes an error where it is awaited, so that the stack is the caller's. */
class Refusal {
  /**
   * @param {Failure} failure
   * @param {{ error: unknown }} [thrown] by code of the user's; takes the error's place
   */
  constructor(failure, thrown) {
    this.failure = failure;
    this.thrown = thrown;
  }
}

const MAX_CALL = 2 ** 32;

/** @type {Map<number, (outcome: any) => void>} */
const pending = new Map();
let lastCall = 0;

const bridge = new native.Bridge();
// In a turn of its own: Jest takes what is opened while a module loads for a handle of the test that loads it. This one holds
// no process.
Promise.resolve().then(() => bridge.connect(dispatch));

/** @param {string} json a batch: `[kind, number, value, …]` */
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
        letGoOfEvents();
        break;
      case TokenWanted:
        provideToken(number, value[0], value[1]);
        break;
      case StoreCalled:
        callStore(number, value);
        break;
    }
  }
}

/**
 * @param {number} call
 * @param {unknown} outcome
 */
function settle(call, outcome) {
  const resolve = pending.get(call);
  if (resolve === undefined) return;
  pending.delete(call);
  forgetContext(call);
  if (pending.size === 0) letGo();
  resolve(outcome);
}

/**
 * The outcome of a call that ended at once, as the core returns it.
 * @param {string} json
 */
function settledOf(json) {
  const outcome = JSON.parse(json);
  return Object.hasOwn(outcome, 'error') ? new Refusal(outcome) : outcome;
}

/**
 * The number of a new call; throws `signal.reason` where that is aborted already.
 * @param {Signal} [signal]
 */
function open(signal) {
  if (signal?.aborted) throw reasonOf(signal);
  do lastCall = (lastCall + 1) % MAX_CALL;
  while (pending.has(lastCall));
  return lastCall;
}

/** @type {(outcome: any) => void} */
let lastResolve;

/**
 * One function for all promises: a closure for each would be a fiftieth of what a call allocates.
 * @param {(outcome: any) => void} resolve
 */
function takeResolve(resolve) {
  lastResolve = resolve;
}

/**
 * The outcome of a call that the core has begun: its result, or a {@link Refusal}. Never rejects.
 * @param {number} call
 * @param {Signal} [signal] ends the call
 * @param {boolean} [hasCallbacks] whether the core may call functions of the user's for it
 * @returns {Promise<any>}
 */
function outcomeOf(call, signal, hasCallbacks = false) {
  if (hasCallbacks) keepContext(call);
  const settled = new Promise(takeResolve);
  pending.set(call, lastResolve);
  if (pending.size === 1) hold();
  return signal === undefined ? settled : endedBy(signal, call, settled);
}

/**
 * @param {Signal} signal
 * @param {number} call
 * @param {Promise<any>} settled
 */
async function endedBy(signal, call, settled) {
  watch(signal, call, abort);
  const outcome = await settled;
  unwatch(signal, call);
  return outcome;
}

/** @param {number} call */
function abort(call) {
  bridge.abort(call);
}

/**
 * Makes a native call, which `begin(call)` starts. Resolves with the core's result; a failure is thrown as `signal.reason`
 * when the signal ended the call, else as an error.
 * @param {(call: number) => void} begin
 * @param {Signal} [signal]
 * @param {boolean} [hasCallbacks] as in `outcomeOf`
 */
async function call(begin, signal, hasCallbacks) {
  const number = open(signal);
  begin(number);
  const outcome = await outcomeOf(number, signal, hasCallbacks);
  if (outcome instanceof Refusal) throw errorOf(outcome, signal, call);
  // The signal may come after the core has ended the call; the contract is that an abort gives the signal's reason.
  if (signal?.aborted) throw reasonOf(signal);
  return outcome;
}

/**
 * The error to throw. Its stack begins with the caller of `callee`.
 * @param {Refusal} refusal
 * @param {Signal | undefined} signal
 * @param {Function} [callee]
 */
function errorOf({ failure, thrown: instead }, signal, callee = errorOf) {
  if (instead !== undefined) return instead.error;
  const { code, callback } = failure.error;
  if (code === 'ABORTED' && signal?.aborted) return reasonOf(signal);
  const thrown = thrownBy(callback);
  if (thrown !== undefined && code !== 'STORE_UNAVAILABLE') return thrown.error;
  const error = fromStructure(failure.error, thrown?.error);
  Error.captureStackTrace?.(error, callee);
  return error;
}

/**
 * @param {number} request
 * @param {number} owner
 * @param {number | null} call
 */
async function provideToken(request, owner, call) {
  try {
    const token = await contextOf(call)(() => ownerOf(owner)?.provideToken?.());
    if (typeof token !== 'string')
      throw new TypeError(`getAccessToken must resolve with a string, got ${typeof token}`);
    bridge.provideToken(request, token);
  } catch (error) {
    keepThrown(request, error);
    bridge.provideToken(request, null);
  }
}

/**
 * @param {number} request
 * @param {[owner: number, call: number | null, name: string, ...args: unknown[]]} called
 */
async function callStore(request, [owner, call, name, ...args]) {
  try {
    const work = async () => /** @type {boolean} */ (await ownerOf(owner)?.call?.(name, args));
    bridge.answerStore(request, await runForHolder(call, name, args[1], work));
  } catch (error) {
    keepThrown(request, error);
    bridge.answerStore(request, null);
  }
}

module.exports = { Refusal, bridge, call, errorOf, open, outcomeOf, settledOf };
