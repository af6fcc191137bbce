'use strict';

// Options as their caller gave them: own properties and those of a class count, never what somebody has put on
// `Object.prototype`. From there an origin or a proxy would reach every configuration, and get its client secret.

const { getPrototypeOf } = Object;

/**
 * @param {any} object
 * @param {string} name
 * @returns {any}
 */
function read(object, name) {
  return isGiven(object, name) ? object[name] : undefined;
}

/**
 * Whether a property stands anywhere but on an `Object.prototype`, of whichever realm.
 * @param {any} object
 * @param {string} name
 */
function isGiven(object, name) {
  let above = getPrototypeOf(object);
  if (above === null) return true;
  let root = object;
  let isOwn = false;
  for (; above !== null; above = getPrototypeOf(root)) {
    isOwn ||= Object.hasOwn(root, name);
    root = above;
  }
  // The value first: most options are absent, and a proxy may give values of properties that it does not own.
  return isOwn || !Object.hasOwn(root, name) || !Object.hasOwn(root, 'isPrototypeOf');
}

module.exports = { isGiven, read };
