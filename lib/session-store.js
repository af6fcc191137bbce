'use strict';

// A session store of the user's own: an object with four functions in the place of `sessionStore: { redis }`.

const { classes } = require('./errors.js');
const { read: readOption } = require('./options.js');

const FUNCTIONS = ['reserve', 'commit', 'release', 'invalidate'];

/** The functions whose answers count. The others may resolve with anything. */
const ANSWERED = new Set(['reserve', 'commit']);

const ON_UNAVAILABLE = ['reject', 'local'];

/**
 * A member of a configuration. `name` is what messages call it.
 * @param {object} object
 * @param {string} field
 * @returns {any}
 */
function read(object, field, name = field) {
  try {
    return readOption(object, field);
  } catch (cause) {
    throw new classes.GuestConfigError(`${name} must be readable`, { cause });
  }
}

class CustomStore {
  #store;
  #functions;

  /**
   * @param {object} store
   * @param {Record<string, Function>} functions
   * @param {string} onUnavailable
   */
  constructor(store, functions, onUnavailable) {
    this.#store = store;
    this.#functions = functions;
    /** Whether the memory of this process stands in while the store fails. */
    this.standsIn = onUnavailable === 'local';
  }

  /**
   * Resolves with a boolean for the core.
   * @param {string} name
   * @param {unknown[]} args
   */
  async call(name, args) {
    const answer = await Reflect.apply(this.#functions[name], this.#store, args);
    if (!ANSWERED.has(name)) return true;
    if (typeof answer === 'boolean') return answer;
    const kind = answer === null ? 'null' : typeof answer;
    throw new TypeError(`sessionStore.${name} must resolve with true or false, got ${kind}`);
  }
}

/**
 * The store that a configuration has; `undefined` where it has none of the functions.
 * @param {unknown} store
 */
function customStore(store) {
  if (typeof store !== 'object' || store === null) return undefined;
  // Read once, wherever they stand: on the object or its class.
  /** @type {Record<string, any>} */
  const functions = {};
  for (const name of FUNCTIONS) functions[name] = read(store, name, `sessionStore.${name}`) ?? undefined;
  if (Object.values(functions).every((member) => member === undefined)) return undefined;
  for (const name of FUNCTIONS) {
    if (typeof functions[name] !== 'function') {
      throw new classes.GuestConfigError(`sessionStore.${name} must be a function`);
    }
  }
  const onUnavailable = read(store, 'onUnavailable', 'sessionStore.onUnavailable') ?? 'reject';
  if (!ON_UNAVAILABLE.includes(onUnavailable)) {
    throw new classes.GuestConfigError("sessionStore.onUnavailable must be 'reject' or 'local'");
  }
  return new CustomStore(store, functions, onUnavailable);
}

module.exports = { customStore, read };
