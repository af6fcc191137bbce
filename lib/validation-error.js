'use strict';

// Stands in for zod 4's `ZodError` without loading zod. The same properties are enumerable and the same are lazy; zod's
// `instanceof` and zod's functions accept it.

/** What zod's `instanceof` looks for, in `_zod.traits`. */
const TRAITS = new Set(['ZodError', '$ZodError']);

/**
 * One of zod's issues, as far as it is looked at here.
 * @typedef {object} Issue
 * @property {string} code
 * @property {string} message
 * @property {PropertyKey[]} path
 * @property {Issue[][]} [errors]
 * @property {Issue[]} [issues]
 */

/**
 * What the functions of a `ZodError` need.
 * @typedef {{ issues: Issue[], message: string, _zod: { def: Issue[], message: string | undefined } }} ErrorLike
 */

/** @typedef {(issue: Issue) => any} Mapper */

/**
 * @param {new (message?: string) => Error} GuestAuthError
 * @returns the class `GuestValidationError`, whose constructor takes zod's issues
 */
function defineValidationError(GuestAuthError) {
  class GuestValidationError extends GuestAuthError {
    /** @param {any[]} issues */
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
      return /** @type {ErrorLike} */ (/** @type {unknown} */ (this)).issues.length === 0;
    }
  }

  for (const [name, make] of Object.entries(METHODS)) {
    // Bound and kept at the first access, so that a destructured method works and one that nobody uses costs nothing.
    /** @type {(error: object, value: unknown) => unknown} */
    const keep = (error, value) => {
      Object.defineProperty(error, name, { value, configurable: true, writable: true });
      return value;
    };
    Object.defineProperty(GuestValidationError.prototype, name, {
      configurable: true,
      get() {
        return keep(this, make(/** @type {any} */ (this)));
      },
      set(value) {
        keep(this, value);
      },
    });
  }
  return GuestValidationError;
}

/** @type {Record<string, (error: ErrorLike) => Function>} */
const METHODS = {
  format: (error) => (/** @type {Mapper} */ mapper) => format(error.issues, mapper),
  flatten: (error) => (/** @type {Mapper} */ mapper) => flatten(error.issues, mapper),
  addIssue: (error) => (/** @type {Issue} */ issue) => add(error, [issue]),
  addIssues: (error) => (/** @type {Issue[]} */ issues) => add(error, issues),
  toString: (/** @type {ErrorLike} */ error) => () => error.message,
};

/**
 * The text is made when it is first read: most callers look at the issues.
 * @type {PropertyDescriptor & ThisType<ErrorLike>}
 */
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

/** @param {Issue[]} issues */
function textOf(issues) {
  return JSON.stringify(issues, (_key, value) => (typeof value === 'bigint' ? `${value}` : value), 2);
}

/**
 * @param {ErrorLike} error
 * @param {Issue[]} issues
 */
function add(error, issues) {
  error.issues.push(...issues);
  error.message = textOf(error.issues);
}

/** @type {Mapper} */
const messageOf = (issue) => issue.message;

/**
 * zod's flattened form: what is wrong with the payload itself, and by field.
 * @param {Issue[]} issues
 */
function flatten(issues, mapper = messageOf) {
  /** @type {unknown[]} */
  const formErrors = [];
  /** @type {Record<PropertyKey, unknown[]>} */
  const fieldErrors = {};
  for (const issue of issues) {
    const errors = issue.path.length === 0 ? formErrors : ownOrNew(fieldErrors, issue.path[0], () => []);
    errors.push(mapper(issue));
  }
  return { formErrors, fieldErrors };
}

/**
 * zod's formatted form: a tree along the paths, each node with its `_errors`.
 * @param {Issue[]} issues
 */
function format(issues, mapper = messageOf) {
  /** @type {Record<PropertyKey, any>} */
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

/**
 * Calls `found` for every issue that has none inside.
 * @param {Issue[]} issues
 * @param {PropertyKey[]} parent
 * @param {(issue: Issue, path: PropertyKey[]) => void} found
 */
function visit(issues, parent, found) {
  for (const issue of issues) {
    const path = [...parent, ...issue.path];
    if (issue.code === 'invalid_union' && issue.errors?.length) {
      for (const branch of issue.errors) visit(branch, path, found);
    } else if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
      visit(issue.issues ?? [], path, found);
    } else {
      found(issue, path);
    }
  }
}

/**
 * `object[key]`, made where it is missing; never what is inherited, and never the prototype itself.
 * @template T
 * @param {Record<PropertyKey, T>} object
 * @param {PropertyKey} key
 * @param {() => T} make
 */
function ownOrNew(object, key, make) {
  if (!Object.hasOwn(object, key)) {
    Object.defineProperty(object, key, { value: make(), configurable: true, enumerable: true, writable: true });
  }
  return object[key];
}

module.exports = { defineValidationError };
