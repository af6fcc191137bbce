'use strict';

// zod's methods around the native judgement.

const { classes } = require('./errors.js');
const { native } = require('./native.js');
const { complete, inspect, output } = require('./payload.js');

const { GuestValidationError } = classes;

/** @typedef {ReturnType<typeof output>} Accepted */

class Refused {
  /**
   * @param {string} json the issues
   * @param {import('./payload.js').Payload} found
   */
  constructor(json, found) {
    this.json = json;
    this.found = found;
  }
}

/** @param {unknown} data */
function judge(data) {
  const found = inspect(data);
  const json = native.validatePayload(found);
  return json === null ? output(found) : new Refused(json, found);
}

/**
 * Objects are asked for their name only now, as zod does, and may throw.
 * @param {Refused} refused
 */
const issuesOf = ({ json, found }) => complete(JSON.parse(json), found);

/**
 * The stack begins where `callee` was called.
 * @param {Accepted | Refused} outcome
 * @param {Function} callee
 */
function acceptedOf(outcome, callee) {
  if (!(outcome instanceof Refused)) return outcome;
  const error = new GuestValidationError(issuesOf(outcome));
  Error.captureStackTrace?.(error, callee);
  throw error;
}

/**
 * The error is made when it is first read, as zod does: a caller that looks at `success` alone does not pay for it.
 * @param {Accepted | Refused} outcome
 */
function settle(outcome) {
  if (!(outcome instanceof Refused)) return { success: true, data: outcome };
  /** @type {Refused | undefined} */
  let refused = outcome;
  /** @type {unknown} */
  let error;
  return {
    success: false,
    get error() {
      if (refused !== undefined) {
        error = new GuestValidationError(issuesOf(refused));
        // It holds values of the payload.
        refused = undefined;
      }
      return error;
    },
    set error(replacement) {
      error = replacement;
      refused = undefined;
    },
  };
}

/** @param {Accepted | Refused} outcome */
const standard = (outcome) => (outcome instanceof Refused ? { issues: issuesOf(outcome) } : { value: outcome });

/** @param {unknown} data */
const judgeAsync = async (data) => standard(judge(data));

// None of these functions uses `this`, so that they can be passed on alone.
const GuestRequestSchema = {
  /** @param {unknown} data */
  parse: function parse(data) {
    return acceptedOf(judge(data), parse);
  },
  /** @param {unknown} data */
  safeParse(data) {
    return settle(judge(data));
  },
  /** @param {unknown} data */
  parseAsync: async function parseAsync(data) {
    return acceptedOf(judge(data), parseAsync);
  },
  /** @param {unknown} data */
  async safeParseAsync(data) {
    return settle(judge(data));
  },
  '~standard': {
    version: 1,
    vendor: 'genesys-guest-auth',
    /** @param {unknown} data */
    validate(data) {
      try {
        return standard(judge(data));
      } catch {
        // A getter or a proxy threw. Like zod, this reads once more, and rejects with what is thrown then.
        return judgeAsync(data);
      }
    },
  },
};

module.exports = { GuestRequestSchema };
