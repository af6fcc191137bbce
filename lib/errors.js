'use strict';

// The error classes. `instanceof` goes by a brand and not by identity, so that it holds across copies of the package.

const { defineValidationError } = require('./validation-error.js');

const BRAND = Symbol.for('genesys-guest-auth.error');

const FIELDS = ['status', 'requestId', 'correlationId', 'attempts', 'retryAfterMs', 'body'];

class GuestAuthError extends Error {
  static [BRAND] = ['GuestAuthError'];
  static code = 'INTERNAL';

  constructor(message, details = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code ?? new.target.code;
    this.retryable = details.retryable ?? false;
    for (const field of FIELDS) if (details[field] !== undefined) this[field] = details[field];
  }

  static [Symbol.hasInstance](value) {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    const wanted = Object.hasOwn(this, BRAND) ? this[BRAND].at(-1) : undefined;
    return (
      wanted !== undefined &&
      typeof value === 'object' &&
      value !== null &&
      (value.constructor?.[BRAND]?.includes(wanted) ?? false)
    );
  }

  toJSON() {
    const { name, message, code, retryable } = this;
    const json = { name, message, code, retryable };
    for (const field of FIELDS) if (this[field] !== undefined) json[field] = this[field];
    return json;
  }
}
nameClass(GuestAuthError, 'GuestAuthError');

/** As V8 does it for its own errors: `name` on the prototype, not enumerable. */
function nameClass(Class, name) {
  Object.defineProperty(Class.prototype, 'name', { value: name, configurable: true, writable: true });
}

function define(name, code, Base = GuestAuthError) {
  const made = {
    [name]: class extends Base {
      static [BRAND] = [...Base[BRAND], name];
      static code = code;
    },
  }[name];
  nameClass(made, name);
  return made;
}

const GuestCreationError = define('GuestCreationError', 'GUEST_CREATION_FAILED');

const classes = {
  GuestAuthError,
  GuestConfigError: define('GuestConfigError', 'CONFIG_INVALID'),
  GuestValidationError: defineValidationError(GuestAuthError),
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

const byCode = new Map(Object.values(classes).map((Class) => [Class.code, Class]));

/** Builds the error for a structure that came from the core. `cause` there is a text; `thrown` takes its place. */
function fromStructure(structure, thrown) {
  if (structure.code === 'VALIDATION_FAILED' && structure.issues)
    return new classes.GuestValidationError(structure.issues);
  const cause = structure.cause === undefined ? undefined : new Error(structure.cause);
  // Its stack would only repeat the one of the error that it explains.
  if (cause) cause.stack = `Error: ${cause.message}`;
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
