'use strict';

// What the classes with a native half have in common.

const { call, signalOf } = require('./bridge.js');
const { classes } = require('./errors.js');
const { native } = require('./native.js');

/** Since Node 18.18; before, the name that TypeScript's helpers agree on. */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

const LONGEST_LIMIT_MS = 2 ** 32 - 1;

/** Defines a property that `console.log` and `JSON.stringify` pass over. */
function hidden(object, name, value) {
  Object.defineProperty(object, name, { value, configurable: true, writable: true });
}

/** Binds a method for good: the tutorial hands it around, bound to another object. */
function bindOwn(object, name) {
  hidden(object, name, object[name].bind(object));
}

/** `timeoutMs` of `close()`. */
function limitOf(options) {
  const limit = options?.timeoutMs;
  if (limit === undefined || limit === Infinity) return undefined;
  if (typeof limit !== 'number' || !(limit >= 0)) {
    throw new classes.GuestConfigError('timeoutMs must be a number of milliseconds from 0');
  }
  return Math.min(Math.ceil(limit), LONGEST_LIMIT_MS);
}

async function accessTokenOf(core, options) {
  const signal = signalOf(options);
  return call((number) => core.accessToken(number, signal !== undefined), signal);
}

async function rotate(core, refreshToken, options) {
  if (typeof refreshToken !== 'string' || refreshToken === '')
    throw new TypeError('refreshToken must be a string that is not empty');
  const signal = signalOf(options);
  return call((number) => core.rotate(number, refreshToken, signal !== undefined), signal);
}

function sessionKey(email, channelId) {
  return native.sessionKey(`${email}`, `${channelId}`);
}

async function closeOn(core, limit) {
  await call((number) => core.close(number, limit));
}

/** Makes `await using` work. */
function makeDisposable(Class) {
  hidden(Class.prototype, asyncDispose, function dispose() {
    return this.close();
  });
}

module.exports = { accessTokenOf, bindOwn, closeOn, hidden, limitOf, makeDisposable, rotate, sessionKey };
