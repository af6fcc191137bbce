'use strict';

// `GuestRequestSchema`: zod's methods around the native judgement.

const { complete, inspect, output } = require('./payload.js');

class Refusal {
  constructor(json, found) {
    this.json = json;
    this.found = found;
  }
}

/**
 * @param native `validatePayload(found)` returns the JSON of the issues for a payload that is refused
 * @param GuestValidationError takes issues
 */
function defineSchema(native, GuestValidationError) {
  function judge(data) {
    const found = inspect(data);
    const json = native.validatePayload(found);
    return typeof json === 'string' ? new Refusal(json, found) : output(found);
  }

  const isRefusal = (outcome) => outcome instanceof Refusal;

  /** Objects are asked for their name only now, as zod does, and may throw. */
  const issuesOf = ({ json, found }) => complete(JSON.parse(json), found);

  /** The stack begins where `callee` was called. */
  function refused(refusal, callee) {
    const error = new GuestValidationError(issuesOf(refusal));
    Error.captureStackTrace?.(error, callee);
    return error;
  }

  /** The error is made when it is first read, as zod does: a caller that looks at `success` alone does not pay for it. */
  function settle(outcome) {
    if (!isRefusal(outcome)) return { success: true, data: outcome };
    let refusal = outcome;
    let error;
    return {
      success: false,
      get error() {
        if (refusal !== undefined) {
          error = new GuestValidationError(issuesOf(refusal));
          // It holds values of the payload.
          refusal = undefined;
        }
        return error;
      },
      set error(replacement) {
        error = replacement;
        refusal = undefined;
      },
    };
  }

  const standard = (outcome) => (isRefusal(outcome) ? { issues: issuesOf(outcome) } : { value: outcome });

  const judgeAsync = async (data) => standard(judge(data));

  // None of them uses `this`, so that they can be handed around.
  return {
    parse: function parse(data) {
      const outcome = judge(data);
      if (isRefusal(outcome)) throw refused(outcome, parse);
      return outcome;
    },
    safeParse(data) {
      return settle(judge(data));
    },
    parseAsync: async function parseAsync(data) {
      const outcome = judge(data);
      if (isRefusal(outcome)) throw refused(outcome, parseAsync);
      return outcome;
    },
    async safeParseAsync(data) {
      return settle(judge(data));
    },
    '~standard': {
      version: 1,
      vendor: 'genesys-guest-auth',
      validate(data) {
        try {
          return standard(judge(data));
        } catch {
          // A getter or a proxy threw. zod asks again, and what is thrown then rejects: `validate` itself never throws.
          return judgeAsync(data);
        }
      },
    },
  };
}

module.exports = { defineSchema };
