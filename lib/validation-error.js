'use strict';

// Stands in for zod 4's `ZodError` without loading zod: what is enumerable there is so here, what is lazy there is lazy
// here, and zod's own `instanceof` and functions take it for one of theirs.

/** Shared by all copies of this package; see `errors.js`. */
const BRAND = Symbol.for('genesys-guest-auth.error');

/** What zod's `instanceof` looks for, in `_zod.traits`. */
const TRAITS = new Set(['ZodError', '$ZodError']);

/**
 * @param {typeof Error} GuestAuthError
 * @returns the class `GuestValidationError`, whose constructor takes zod's issues
 */
function defineValidationError(GuestAuthError) {
  class GuestValidationError extends GuestAuthError {
    static [BRAND] = [...(GuestAuthError[BRAND] ?? []), 'GuestValidationError'];
    static code = 'VALIDATION_FAILED';

    constructor(issues) {
      super();
      this.name = 'ZodError';
      Object.defineProperties(this, {
        _zod: { value: { def: issues, traits: TRAITS, message: undefined } },
        issues: { value: issues },
        message: MESSAGE,
      });
    }

    get isEmpty() {
      return this.issues.length === 0;
    }
  }

  for (const [name, make] of Object.entries(METHODS)) {
    // Bound and kept at the first access, so that a destructured method works and one that nobody uses costs nothing.
    const keep = (error, value) =>
      Object.defineProperty(error, name, { value, configurable: true, writable: true })[name];
    Object.defineProperty(GuestValidationError.prototype, name, {
      configurable: true,
      get() {
        return keep(this, make(this));
      },
      set(value) {
        keep(this, value);
      },
    });
  }
  return GuestValidationError;
}

const METHODS = {
  format: (error) => (mapper) => format(error.issues, mapper),
  flatten: (error) => (mapper) => flatten(error.issues, mapper),
  addIssue: (error) => (issue) => add(error, [issue]),
  addIssues: (error) => (issues) => add(error, issues),
  toString: (error) => () => error.message,
};

/** The text is made when it is first read: most callers look at the issues. */
const MESSAGE = {
  configurable: true,
  enumerable: true,
  get() {
    this._zod.message ??= textOf(this._zod.def);
    return this._zod.message;
  },
  set(value) {
    this._zod.message = value;
  },
};

function textOf(issues) {
  return JSON.stringify(issues, (_key, value) => (typeof value === 'bigint' ? `${value}` : value), 2);
}

function add(error, issues) {
  error.issues.push(...issues);
  error.message = textOf(error.issues);
}

const messageOf = (issue) => issue.message;

/** zod's flattened form: what is wrong with the payload itself, and by field. */
function flatten(issues, mapper = messageOf) {
  const formErrors = [];
  const fieldErrors = {};
  for (const issue of issues) {
    const errors = issue.path.length === 0 ? formErrors : ownOrNew(fieldErrors, issue.path[0], () => []);
    errors.push(mapper(issue));
  }
  return { formErrors, fieldErrors };
}

/** zod's formatted form: a tree along the paths, each node with its `_errors`. */
function format(issues, mapper = messageOf) {
  const root = { _errors: [] };
  visit(issues, [], (issue, path) => {
    let node = root;
    for (const key of path) {
      // The name is taken in this form; zod counts such a step as none.
      if (key !== '_errors') node = ownOrNew(node, key, () => ({ _errors: [] }));
    }
    node._errors.push(mapper(issue));
  });
  return root;
}

/** Calls `found` for every issue that has none inside. */
function visit(issues, parent, found) {
  for (const issue of issues) {
    const path = [...parent, ...issue.path];
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      for (const branch of issue.errors) visit(branch, path, found);
    } else if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
      visit(issue.issues, path, found);
    } else {
      found(issue, path);
    }
  }
}

/** `object[key]`, made where it is missing; never what is inherited, and never the prototype itself. */
function ownOrNew(object, key, make) {
  if (!Object.hasOwn(object, key)) {
    Object.defineProperty(object, key, { value: make(), configurable: true, enumerable: true, writable: true });
  }
  return object[key];
}

module.exports = { defineValidationError };
