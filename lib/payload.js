'use strict';

// Reads a payload as zod reads it. Its steps are visible to proxies and getters, so they are taken here one by one in its
// order: for each key of the schema `payload[key]`, what its type needs to know, then `key in payload`. What user code throws
// on the way goes on to the caller, as it is. The core decides; what an object is called in `received …` is asked last.

const {
  types: { isProxy },
} = require('node:util');
const { Refusal } = require('./bridge.js');

const { isArray } = Array;
const { getOwnPropertySymbols, getPrototypeOf, prototype: objectPrototype } = Object;
const { ownKeys } = Reflect;
const toNumber = Number;
const stringify = JSON.stringify;
const hasOwn = Function.prototype.call.bind(objectPrototype.hasOwnProperty);
const isEnumerable = Function.prototype.call.bind(objectPrototype.propertyIsEnumerable);

// Bits of `traits`; `src/addon/payload.rs` has the other end. The first five: the key is present.
const EMAIL = 1;
const CONSENT = 2;
const CHANNEL_ID = 4;
const NAME = 8;
const ATTRIBUTES = 16;
const IS_OBJECT = 32;
const HAS_RECORD = 64;

const isObject = (value) => typeof value === 'object' && value !== null && !isArray(value);

/**
 * What was found in a payload. `attributes` is a copy where `HAS_RECORD` is among the traits: what zod would return. In the
 * place of `email` stands the payload itself where it is no object.
 */
function inspect(payload) {
  const found = {
    traits: 0,
    email: payload,
    consent: undefined,
    channelId: undefined,
    name: undefined,
    attributes: undefined,
    oddities: undefined,
    symbols: undefined,
  };
  if (!isObject(payload)) return found;
  let traits = IS_OBJECT;

  found.email = payload.email;
  if ('email' in payload) traits |= EMAIL;

  found.consent = payload.consent;
  if ('consent' in payload) traits |= CONSENT;

  const channelId = payload.channelId;
  found.channelId = channelId;
  if (mayHaveLength(channelId)) {
    const oddities = odd(found);
    oddities.channelLength = lengthOf(channelId);
    oddities.channelArray = isArray(channelId);
  }
  if ('channelId' in payload) traits |= CHANNEL_ID;

  const name = payload.name;
  found.name = name;
  if (mayHaveLength(name)) {
    const oddities = odd(found);
    oddities.nameLength = lengthOf(name);
    oddities.nameArray = isArray(name);
  }
  if ('name' in payload) traits |= NAME;

  const attributes = payload.attributes;
  found.attributes = attributes;
  if (isPlain(attributes)) {
    traits |= HAS_RECORD;
    found.attributes = copyOf(attributes, found);
  }
  if ('attributes' in payload) traits |= ATTRIBUTES;

  found.traits = traits;
  return found;
}

function odd(found) {
  found.oddities ??= {
    symbols: 0,
    channelLength: undefined,
    channelArray: false,
    nameLength: undefined,
    nameArray: false,
  };
  return found.oddities;
}

/** zod measures whatever has a `length`, even after it refused the type. A string's is the core's business. */
function mayHaveLength(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Read twice, as zod does: whether there is one, then how much. */
function lengthOf(value) {
  // `Number` converts as `>=` does: it takes a bigint, refuses a symbol, and asks an object for a number first.
  return value.length === undefined ? undefined : toNumber(value.length);
}

/** zod's `isPlainObject`: no constructor, or one whose prototype is an `Object.prototype` of some realm. */
function isPlain(value) {
  if (!isObject(value)) return false;
  const Class = value.constructor;
  if (typeof Class !== 'function' || Class === Object) return true;
  const { prototype } = Class;
  return isObject(prototype) && hasOwn(prototype, 'isPrototypeOf');
}

/** The own enumerable properties that have strings as names, except `__proto__`; each symbol is an issue. */
function copyOf(value, found) {
  // Most attributes: nobody watches the steps, and there is nothing that a spread would treat differently.
  if (!isProxy(value) && !hasOwn(value, '__proto__') && getOwnPropertySymbols(value).length === 0) return { ...value };
  const copy = {};
  const keys = ownKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (key === '__proto__' || !isEnumerable(value, key)) continue;
    if (typeof key === 'string') {
      copy[key] = value[key];
    } else {
      found.symbols ??= [];
      found.symbols.push(key);
      odd(found).symbols += 1;
    }
  }
  return copy;
}

/** The text of attributes in a request. Inside an object, because a `toJSON` is told the key under which it stands. */
function write(attributes) {
  return stringify({ attributes });
}

/**
 * Begins a native call that takes what was found in a payload; returns a refusal where the core does not take it.
 * @param {'authenticate' | 'create'} method
 */
function begin(core, method, number, signal, found) {
  const { traits, email, consent, channelId, name, attributes, oddities } = found;
  const isAbortable = signal !== undefined;
  const refused = core[method](
    number,
    isAbortable,
    write,
    traits,
    email,
    consent,
    channelId,
    name,
    attributes,
    oddities,
  );
  if (typeof refused !== 'string') return undefined;
  const structure = JSON.parse(refused);
  complete(structure.error.issues, found);
  return new Refusal(structure);
}

/** zod's result: known keys only, in schema order, an optional one only where the payload has it. */
function output({ traits, email, consent, channelId, name, attributes }) {
  if (traits & NAME) {
    return traits & ATTRIBUTES ? { email, consent, channelId, name, attributes } : { email, consent, channelId, name };
  }
  return traits & ATTRIBUTES ? { email, consent, channelId, attributes } : { email, consent, channelId };
}

/** Adds to the core's issues what JSON cannot hold: symbols, and names of objects, which may throw. */
function complete(issues, found) {
  let symbols = 0;
  for (const issue of issues) {
    if (issue.code === 'invalid_key') issue.path[1] = found.symbols[symbols++];
    else if (issue.code === 'invalid_type' && issue.message.endsWith('received ')) {
      issue.message += receivedName(found[issue.path[0] ?? 'email']);
    }
  }
  return issues;
}

/** zod's `parsedType` of an object, made a string as its message does. */
function receivedName(object) {
  if (isArray(object)) return 'array';
  if (getPrototypeOf(object) === objectPrototype || !('constructor' in object) || !object.constructor) return 'object';
  const name = object.constructor.name;
  // zod looks the name up in an object literal, so that a class named `toString` is known by a function.
  return `${{ nan: 'NaN' }[name] ?? name}`;
}

module.exports = { begin, complete, inspect, output };
