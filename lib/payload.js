'use strict';

// Reads a payload as zod reads it. Its steps are visible to proxies and getters, so they are taken here one by one in its
// order: for each key of the schema `payload[key]`, what its type needs to know, then `key in payload`. What user code throws
// on the way goes on to the caller, as it is. The core decides; what an object is called in `received …` is asked last.

const {
  types: { isProxy },
} = require('node:util');
const { Refusal } = require('./bridge.js');
const { native } = require('./native.js');

const { isArray } = Array;
const { getOwnPropertySymbols, getPrototypeOf, prototype: objectPrototype } = Object;
const { ownKeys } = Reflect;
const toNumber = Number;
const stringify = JSON.stringify;
const hasOwn = Function.prototype.call.bind(objectPrototype.hasOwnProperty);
const isEnumerable = Function.prototype.call.bind(objectPrototype.propertyIsEnumerable);

const { Email, Consent, ChannelId, Name, Attributes, Traits, Oddities } = native.PayloadPart;
const { HasEmail, HasConsent, HasChannelId, HasName, HasAttributes, IsObject, HasRecord, HasOddities } =
  native.PayloadTrait;

/** @param {unknown} value */
const isObject = (value) => typeof value === 'object' && value !== null && !isArray(value);

/**
 * What was found in a payload: for `native.PayloadPart`, in its order.
 * @typedef {[email: unknown, consent: unknown, channelId: unknown, name: unknown, attributes: unknown, traits: number,
 *   oddities: FoundOddities | undefined]} Payload
 */

/** @typedef {import('./binding').Oddities & { symbolKeys: symbol[] }} FoundOddities */

/**
 * @param {any} payload
 * @returns {Payload}
 */
function inspect(payload) {
  /** @type {Payload} */
  const found = [payload, undefined, undefined, undefined, undefined, 0, undefined];
  if (!isObject(payload)) return found;
  let traits = IsObject;

  found[Email] = payload.email;
  if ('email' in payload) traits |= HasEmail;

  found[Consent] = payload.consent;
  if ('consent' in payload) traits |= HasConsent;

  const channelId = payload.channelId;
  found[ChannelId] = channelId;
  if (mayHaveLength(channelId)) {
    const oddities = odd(found);
    oddities.channelLength = lengthOf(channelId);
    oddities.channelArray = isArray(channelId);
  }
  if ('channelId' in payload) traits |= HasChannelId;

  const name = payload.name;
  found[Name] = name;
  if (mayHaveLength(name)) {
    const oddities = odd(found);
    oddities.nameLength = lengthOf(name);
    oddities.nameArray = isArray(name);
  }
  if ('name' in payload) traits |= HasName;

  const attributes = payload.attributes;
  found[Attributes] = attributes;
  if (isPlain(attributes)) {
    traits |= HasRecord;
    found[Attributes] = copyOf(attributes, found);
  }
  if ('attributes' in payload) traits |= HasAttributes;

  if (found[Oddities] !== undefined) traits |= HasOddities;

  found[Traits] = traits;
  return found;
}

/** @param {Payload} found */
function odd(found) {
  found[Oddities] ??= {
    symbols: 0,
    channelLength: undefined,
    channelArray: false,
    nameLength: undefined,
    nameArray: false,
    symbolKeys: [],
  };
  return found[Oddities];
}

/**
 * zod measures whatever has a `length`, even after it refused the type. The core measures strings itself.
 * @param {unknown} value
 */
function mayHaveLength(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/**
 * The `length`, read twice as zod does: first to see whether there is one, then for its value.
 * @param {any} value
 */
function lengthOf(value) {
  // `Number` converts as `>=` does: it takes a bigint, refuses a symbol, and asks an object for a number first.
  return value.length === undefined ? undefined : toNumber(value.length);
}

/**
 * zod's `isPlainObject`: no constructor, or one whose prototype is an `Object.prototype` of some realm.
 * @param {any} value
 */
function isPlain(value) {
  if (!isObject(value)) return false;
  const Class = value.constructor;
  if (typeof Class !== 'function' || Class === Object) return true;
  const { prototype } = Class;
  return isObject(prototype) && hasOwn(prototype, 'isPrototypeOf');
}

/**
 * The own enumerable properties that have strings as names, except `__proto__`; each symbol is an issue.
 * @param {any} value
 * @param {Payload} found
 */
function copyOf(value, found) {
  // The usual case: no proxy or getter could notice the steps, and a spread gives the same result.
  if (!isProxy(value) && !hasOwn(value, '__proto__') && getOwnPropertySymbols(value).length === 0) return { ...value };
  /** @type {Record<string, unknown>} */
  const copy = {};
  const keys = ownKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (key === '__proto__' || !isEnumerable(value, key)) continue;
    if (typeof key === 'string') {
      copy[key] = value[key];
    } else {
      const oddities = odd(found);
      oddities.symbolKeys.push(key);
      oddities.symbols += 1;
    }
  }
  return copy;
}

/**
 * What `write` has caught, until `refused` throws it.
 * @type {{ error: unknown } | undefined}
 */
let unwritable;

/**
 * The JSON of attributes, as a member of an object because `toJSON` gets the key as its argument; `undefined` where they
 * have no JSON.
 * @param {unknown} attributes
 */
function write(attributes) {
  try {
    return stringify({ attributes });
  } catch (error) {
    unwritable = { error };
    return undefined;
  }
}

/**
 * The refusal of a payload that the core did not take.
 * @param {string} failure as JSON
 * @param {Payload} found
 */
function refused(failure, found) {
  const parsed = JSON.parse(failure);
  const thrown = unwritable;
  unwritable = undefined;
  if (parsed.error.issues) complete(parsed.error.issues, found);
  return new Refusal(parsed, thrown);
}

/**
 * zod's result: known keys only, in schema order, an optional one only where the payload has it.
 * @param {Payload} found
 */
function output([email, consent, channelId, name, attributes, traits]) {
  if (traits & HasName) {
    return traits & HasAttributes
      ? { email, consent, channelId, name, attributes }
      : { email, consent, channelId, name };
  }
  return traits & HasAttributes ? { email, consent, channelId, attributes } : { email, consent, channelId };
}

/**
 * Adds to the core's issues what JSON cannot hold: symbols, and names of objects, which may throw.
 * @param {any[]} issues
 * @param {Payload} found
 */
function complete(issues, found) {
  let symbols = 0;
  for (let i = 0; i < issues.length; i++) {
    if (issues[i].code === 'invalid_key') issues[i].path[1] = found[Oddities]?.symbolKeys[symbols++];
    // The core does not know zod's name for the type of this value.
    if (issues[i].received === null) {
      const { received: _, ...issue } = issues[i];
      issue.message += receivedName(found[PART_OF[issue.path[0] ?? 'email']]);
      issues[i] = issue;
    }
  }
  return issues;
}

/** @type {Record<string, 0 | 1 | 2 | 3 | 4>} */
const PART_OF = { email: Email, consent: Consent, channelId: ChannelId, name: Name, attributes: Attributes };

/**
 * zod's `parsedType` of an object, made a string as its message does.
 * @param {any} object
 */
function receivedName(object) {
  if (isArray(object)) return 'array';
  if (getPrototypeOf(object) === objectPrototype || !('constructor' in object) || !object.constructor) return 'object';
  const name = object.constructor.name;
  // zod looks the name up in an object literal, so that a class named `toString` is known by a function.
  return `${/** @type {Record<string, unknown>} */ ({ nan: 'NaN' })[name] ?? name}`;
}

module.exports = { complete, inspect, output, refused, write };
