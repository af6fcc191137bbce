'use strict';

// `GuestRequestSchema`: zod's methods around the native judgement.

/** zod's result: known keys only, in schema order, an optional one only where the payload has it. */
function build(email, consent, channelId, name, attributes, hasName, hasAttributes) {
  if (hasName) {
    return hasAttributes ? { email, consent, channelId, name, attributes } : { email, consent, channelId, name };
  }
  return hasAttributes ? { email, consent, channelId, attributes } : { email, consent, channelId };
}

/**
 * @param native `validatePayload(payload, build)` returns what `build` returns, or an array for a payload that is
 * refused: the JSON of the issues, then, in order, a value for each issue that JSON cannot hold. `receivedNameOf(value)` is
 * what zod calls an object.
 * @param GuestValidationError takes issues
 */
function defineSchema(native, GuestValidationError) {
  const judge = (data) => native.validatePayload(data, build);
  const isRefusal = Array.isArray;

  /** Completes the issues. Objects are asked for their name only now, as zod does, and may throw. */
  function issuesOf([json, ...values]) {
    const issues = JSON.parse(json);
    let next = 0;
    for (const issue of issues) {
      if (issue.code === 'invalid_key') issue.path[1] = values[next++];
      else if (issue.code === 'invalid_type' && issue.message.endsWith('received ')) {
        issue.message += native.receivedNameOf(values[next++]);
      }
    }
    return issues;
  }

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
