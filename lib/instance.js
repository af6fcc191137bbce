'use strict';

// What the classes with a native half have in common: how they end, and the events that they have given up.

const { signalOf } = require('./abort.js');
const { call } = require('./bridge.js');
const { classes } = require('./errors.js');

/** @typedef {import('./types/config').CallOptions} CallOptions */
/** @typedef {import('./types/config').CloseOptions} CloseOptions */

/** @typedef {{ close(call: number, timeoutMs?: number): void }} Core */

/**
 * @typedef {Core & {
 *   deadLetters(call: number): void,
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

  async deadLetters() {
    return call((number) => this.#core.deadLetters(number));
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
  const limit = options?.timeoutMs;
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
 */
async function rotate(core, refreshToken, options) {
  if (typeof refreshToken !== 'string' || refreshToken === '')
    throw new TypeError('refreshToken must be a string that is not empty');
  const signal = signalOf(options);
  return call((number) => core.rotate(number, refreshToken, signal !== undefined), signal);
}

/**
 * Binds a method for good: the tutorial hands it around, bound to another object. `console.log` and `JSON.stringify` pass
 * over it.
 * @param {object} object
 * @param {string} name
 */
function bindOwn(object, name) {
  const value = Reflect.get(object, name).bind(object);
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}

module.exports = { Instance, ReportingInstance, accessToken, bindOwn, isClosed, rotate };
