'use strict';

// What the classes with a native half have in common: how they end, and the events that they have given up.

const { signalOf } = require('./abort.js');
const { call } = require('./bridge.js');
const { classes } = require('./errors.js');
const { read } = require('./options.js');

/** @typedef {import('./types/config').CallOptions} CallOptions */
/** @typedef {import('./types/config').CloseOptions} CloseOptions */
/** @typedef {import('./types/outbox').DeadLetter} DeadLetter */
/** @typedef {import('./types/outbox').DeadLetterPage} DeadLetterPage */

/** @typedef {{ close(call: number, timeoutMs?: number): void }} Core */

/**
 * @typedef {Core & {
 *   deadLetters(call: number, limit: number, after?: string): void,
 *   redeliver(call: number, ids?: string[]): void,
 *   discardDeadLetters(call: number, ids?: string[]): void,
 * }} ReportingCore
 */

/**
 * Since Node 18.18; before, the name that TypeScript's helpers agree on.
 * @type {typeof Symbol.asyncDispose}
 */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

const LONGEST_LIMIT_MS = 2 ** 32 - 1;

/** Dead letters that are read in one call of the core. More would delay other calls. */
const PAGE = 256;

/**
 * For `util.inspect`.
 * @type {(instance: Instance) => boolean}
 */
let isClosed;

/** An instance with connections of its own. */
class Instance {
  static {
    isClosed = (instance) => instance.#closing !== undefined;
  }

  #core;
  /** @type {Promise<unknown> | undefined} */
  #closing;
  // biome-ignore lint/correctness/noUnusedPrivateClassMembers: held as long as the instance lives, because the core's calls find it weakly
  #callbacks;

  /**
   * @param {Core} core
   * @param {import('./callbacks.js').CallbackOwner} [callbacks]
   */
  constructor(core, callbacks) {
    this.#core = core;
    this.#callbacks = callbacks;
  }

  /** @param {CloseOptions} [options] */
  async close(options) {
    if (this.#closing === undefined) {
      const limit = limitOf(options);
      this.#closing = call((number) => this.#core.close(number, limit));
    }
    await this.#closing;
  }

  /** Makes `await using` work. */
  [asyncDispose]() {
    return this.close();
  }
}

/** An instance whose analytics events can become dead letters, where its outbox is on disk. */
class ReportingInstance extends Instance {
  #core;

  /**
   * @param {ReportingCore} core
   * @param {import('./callbacks.js').CallbackOwner} [callbacks]
   */
  constructor(core, callbacks) {
    super(core, callbacks);
    this.#core = core;
  }

  /** @param {DeadLetterPage} [page] */
  async deadLetters(page) {
    const { limit, after } = pageOf(page);
    /** @type {DeadLetter[]} */
    const letters = [];
    for (;;) {
      const size = Math.min(PAGE, limit - letters.length);
      const from = letters.at(-1)?.id ?? after;
      const next = await call((number) => this.#core.deadLetters(number, size, from));
      letters.push(...next);
      if (next.length < size || letters.length === limit) return letters;
    }
  }

  /** @param {Iterable<string>} [ids] */
  async redeliver(ids) {
    const chosen = idsOf(ids);
    return call((number) => this.#core.redeliver(number, chosen));
  }

  /** @param {Iterable<string>} [ids] */
  async discardDeadLetters(ids) {
    const chosen = idsOf(ids);
    return call((number) => this.#core.discardDeadLetters(number, chosen));
  }
}

/**
 * All where nothing is given.
 * @param {DeadLetterPage} [page]
 */
function pageOf({ limit = Number.POSITIVE_INFINITY, after } = {}) {
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new TypeError('limit must be a whole number greater than 0');
  }
  if (after !== undefined && typeof after !== 'string') throw new TypeError('after must be the id of a dead letter');
  return { limit, after };
}

/**
 * All where nothing is given. An empty list means none: it is what a filter leaves that finds nothing.
 * @param {Iterable<string> | undefined} ids
 */
function idsOf(ids) {
  if (ids === undefined) return undefined;
  const list = typeof ids !== 'string' && typeof ids?.[Symbol.iterator] === 'function' ? [...ids] : undefined;
  if (!list?.every((id) => typeof id === 'string')) throw new TypeError('ids must be a list of strings');
  return list;
}

/**
 * `timeoutMs` of `close()`.
 * @param {CloseOptions | undefined} options
 */
function limitOf(options) {
  const limit = options === undefined || options === null ? undefined : read(options, 'timeoutMs');
  if (limit === undefined || limit === Infinity) return undefined;
  if (typeof limit !== 'number' || !(limit >= 0)) {
    throw new classes.GuestConfigError('timeoutMs must be a number of milliseconds from 0');
  }
  return Math.min(Math.ceil(limit), LONGEST_LIMIT_MS);
}

/**
 * @param {{ accessToken(call: number, abortable: boolean): void }} core
 * @param {CallOptions} [options]
 */
async function accessToken(core, options) {
  const signal = signalOf(options);
  return call((number) => core.accessToken(number, signal !== undefined), signal);
}

/**
 * @param {{ rotate(call: number, refreshToken: string, abortable: boolean): void }} core
 * @param {string} refreshToken
 * @param {CallOptions} [options]
 * @param {boolean} [hasCallbacks] see `outcomeOf`
 */
async function rotate(core, refreshToken, options, hasCallbacks) {
  if (typeof refreshToken !== 'string' || refreshToken === '')
    throw new TypeError('refreshToken must be a string that is not empty');
  const signal = signalOf(options);
  return call((number) => core.rotate(number, refreshToken, signal !== undefined), signal, hasCallbacks);
}

/**
 * Binds a method to its instance, because the tutorial passes it on bound to another object. It is not enumerable, so that
 * `console.log` and `JSON.stringify` do not show it.
 * @param {object} object
 * @param {string} name
 */
function bindOwn(object, name) {
  const value = Reflect.get(object, name).bind(object);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}

module.exports = { Instance, ReportingInstance, accessToken, bindOwn, isClosed, rotate };
