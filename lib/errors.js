'use strict';

// The error classes. `instanceof` goes by a brand and not by identity, so that it holds across copies of the package.

const { defineValidationError } = require('./validation-error.js');

/** The names of an error class and of those that it extends; shared by all copies of this package. */
const BRAND = Symbol.for('genesys-guest-auth.error');

/** @type {('status' | 'requestId' | 'correlationId' | 'attempts' | 'retryAfterMs' | 'body' | 'hint')[]} */
const FIELDS = ['status', 'requestId', 'correlationId', 'attempts', 'retryAfterMs', 'body', 'hint'];

/**
 * An error as the core tells it; absent fields do not apply.
 * @typedef {object} Structure
 * @property {string} code
 * @property {string} message
 * @property {boolean} retryable
 * @property {number} [status]
 * @property {string} [requestId]
 * @property {string} [correlationId]
 * @property {number} [attempts]
 * @property {number} [retryAfterMs]
 * @property {string} [body]
 * @property {string} [cause]
 * @property {string} [causeCode] Node's code for the cause
 * @property {string} [hint] what to do about it
 * @property {object[]} [issues] zod's
 * @property {number} [callback] which call of a function of the user's failed
 */

/** @typedef {Partial<Omit<Structure, 'cause'>> & { cause?: unknown }} Details */

class GuestAuthError extends Error {
  static code = 'INTERNAL';

  /**
   * @param {string} [message]
   * @param {Details} [details]
   */
  constructor(message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code ?? new.target.code;
    this.retryable = details.retryable ?? false;
    for (const field of FIELDS) if (details[field] !== undefined) Object.assign(this, { [field]: details[field] });
  }

  /** @param {any} value */
  static [Symbol.hasInstance](value) {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const wanted = Object.hasOwn(this, BRAND) ? brandOf(this).at(-1) : undefined;
    return (
      wanted !== undefined && typeof value === 'object' && value !== null && brandOf(value.constructor).includes(wanted)
    );
  }

  toJSON() {
    const { name, message, code, retryable } = this;
    /** @type {Record<string, unknown>} */
    const json = { name, message, code, retryable };
    for (const field of FIELDS) {
      const value = Reflect.get(this, field);
      if (value !== undefined) json[field] = value;
    }
    return json;
  }
}
named(GuestAuthError, undefined, 'GuestAuthError', 'INTERNAL');

/**
 * @param {any} Class
 * @returns {string[]}
 */
function brandOf(Class) {
  return Class?.[BRAND] ?? [];
}

/**
 * Gives a class its `name` as V8 does for its own errors: on the prototype, and not enumerable.
 * @template {Function} T
 * @param {T} Class
 * @param {Function | undefined} Base
 * @param {string} name
 * @param {string} code
 */
function named(Class, Base, name, code) {
  Object.defineProperty(Class.prototype, 'name', { value: name, configurable: true, writable: true });
  return Object.assign(Class, { [BRAND]: [...brandOf(Base), name], code });
}

/**
 * @param {string} name
 * @param {string} code
 */
function define(name, code, Base = GuestAuthError) {
  return named({ [name]: class extends Base {} }[name], Base, name, code);
}

const GuestCreationError = define('GuestCreationError', 'GUEST_CREATION_FAILED');

const classes = {
  GuestAuthError,
  GuestConfigError: define('GuestConfigError', 'CONFIG_INVALID'),
  GuestValidationError: named(
    defineValidationError(GuestAuthError),
    GuestAuthError,
    'GuestValidationError',
    'VALIDATION_FAILED',
  ),
  DuplicateSessionError: define('DuplicateSessionError', 'DUPLICATE_SESSION'),
  SessionCapacityError: define('SessionCapacityError', 'SESSION_CAPACITY'),
  OAuthError: define('OAuthError', 'OAUTH_FAILED'),
  GuestCreationError,
  GuestForbiddenError: define('GuestForbiddenError', 'FORBIDDEN', GuestCreationError),
  GuestConflictError: define('GuestConflictError', 'CONFLICT', GuestCreationError),
  RateLimitedError: define('RateLimitedError', 'RATE_LIMITED', GuestCreationError),
  ChannelUnavailableError: define('ChannelUnavailableError', 'CHANNEL_UNAVAILABLE'),
  TokenSignatureError: define('TokenSignatureError', 'SIGNATURE_INVALID'),
  TokenRefreshError: define('TokenRefreshError', 'REFRESH_FAILED'),
  NetworkError: define('NetworkError', 'NETWORK'),
  TimeoutError: define('TimeoutError', 'TIMEOUT'),
  StoreUnavailableError: define('StoreUnavailableError', 'STORE_UNAVAILABLE'),
  ClosedError: define('ClosedError', 'CLOSED'),
  SdkNotInstalledError: define('SdkNotInstalledError', 'SDK_NOT_INSTALLED'),
};

/** @type {Map<string, new (message: string, details: Details) => Error>} */
const byCode = new Map(Object.values(classes).map((Class) => [Class.code, /** @type {any} */ (Class)]));

/**
 * Builds the error for a structure that came from the core. `cause` there is a text; `thrown` takes its place.
 * @param {Structure} structure
 * @param {unknown} [thrown]
 */
function fromStructure(structure, thrown) {
  if (structure.code === 'VALIDATION_FAILED' && structure.issues)
    return new classes.GuestValidationError(structure.issues);
  /** @type {(Error & { code?: string }) | undefined} */
  const cause = structure.cause === undefined ? undefined : new Error(structure.cause);
  // Its stack would only repeat the one of the error that it explains.
  if (cause) cause.stack = `Error: ${cause.message}`;
  if (cause && structure.causeCode !== undefined) cause.code = structure.causeCode;
  return new (byCode.get(structure.code) ?? GuestAuthError)(structure.message, {
    ...structure,
    cause: thrown ?? cause,
  });
}

/**
 * The result of a synchronous native function, which returns a failure as JSON instead of throwing it: an error that the
 * native half made would be of another realm in Jest and in `vm` contexts.
 * @template T
 * @param {T | string} outcome
 * @returns {T}
 */
function resultOf(outcome) {
  if (typeof outcome !== 'string') return outcome;
  const error = fromStructure(JSON.parse(outcome).error);
  Error.captureStackTrace?.(error, resultOf);
  throw error;
}

module.exports = { classes, fromStructure, resultOf };
