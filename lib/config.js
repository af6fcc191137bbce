'use strict';

// Configurations on their way to the core, which checks them.

const { Buffer } = require('node:buffer');
const { existsSync } = require('node:fs');
const process = require('node:process');
const { classes } = require('./errors.js');
const { native } = require('./native.js');
const { isGiven } = require('./options.js');
const { customStore, read } = require('./session-store.js');
const { warn } = require('./warning.js');

/** What the core looks at. Each is read once, wherever it stands: on the object, its class or its prototype. */
const { data: FIELDS, callbacks: CALLBACKS } = native.optionNames();

const OPTIONS = new Set([...FIELDS, ...CALLBACKS]);

/** Names that could be those of misspelt options. */
const NAME = /^[\w-]{1,64}$/;

/** Where Linux distributions keep their certificate authorities. */
const SYSTEM_ROOTS = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
];

/** @type {boolean | undefined} */
let isWithoutRoots;

/**
 * Certificates may be bytes, as `readFileSync` gives them.
 * @param {unknown} ca
 * @returns {unknown}
 */
function asText(ca) {
  if (Array.isArray(ca)) return ca.map(asText);
  return ArrayBuffer.isView(ca) ? Buffer.from(ca.buffer, ca.byteOffset, ca.byteLength).toString() : ca;
}

/**
 * Slim images have no certificate authorities. There, those that Node brings along are used, as `fetch` does.
 * @param {unknown} ca
 */
function withRoots(ca) {
  isWithoutRoots ??=
    process.platform === 'linux' &&
    !process.env.SSL_CERT_FILE &&
    !process.env.SSL_CERT_DIR &&
    !SYSTEM_ROOTS.some((path) => existsSync(path));
  return isWithoutRoots ? [ca ?? [], require('node:tls').rootCertificates].flat(2) : ca;
}

/** Wrong for every option, as a value and as a member of a list. */
const WRONG = [null];

/**
 * A value that JSON cannot express becomes one that the core refuses; `JSON.stringify` would drop it or write `null`.
 * `this[key]` is the value before its `toJSON`.
 * @this {Record<string, unknown>}
 * @param {string} key
 * @param {unknown} value
 */
function plainOnly(key, value) {
  const given = this[key];
  switch (typeof given) {
    case 'number':
      return Number.isFinite(given) ? given : WRONG;
    case 'bigint':
    case 'function':
    case 'symbol':
      return WRONG;
    default:
      return PLAIN.has(Object.prototype.toString.call(given)) ? value : WRONG;
  }
}

const PLAIN = new Set(['String', 'Boolean', 'Null', 'Undefined', 'Object', 'Array'].map((name) => `[object ${name}]`));

/**
 * `"field":value`, or nothing where it is absent.
 * @param {string} field
 * @param {unknown} value
 */
function member(field, value) {
  let json;
  try {
    json = JSON.stringify(value, plainOnly);
  } catch (cause) {
    throw new classes.GuestConfigError(`${field} must be plain data`, { cause });
  }
  if (json === undefined) return [];
  // `JSON.stringify` escapes nothing else in this range; the core reads Unicode, and half a character is none.
  if (/\\ud[89a-f]/.test(json)) throw new classes.GuestConfigError(`${field} must be well-formed Unicode text`);
  return [`"${field}":${json}`];
}

/**
 * What is no option, as members without a value: its name may be a misspelt one.
 * @param {object} config
 */
function othersOf(config) {
  const names = [];
  // A proxy may list any names, and may throw.
  try {
    for (const name in config) {
      if (!OPTIONS.has(name) && NAME.test(name) && isGiven(config, name)) names.push(name);
    }
  } catch {}
  return names.map((name) => `"${name}":null`);
}

/** @param {unknown} value */
const isObject = (value) => typeof value === 'object' && value !== null;

/**
 * Reads a configuration: its JSON for the core, and what stays in JavaScript, a session store of functions among it.
 * @param {object} config
 * @param {Record<string, unknown>} [given] values that take the place of the configuration's own
 */
function readConfig(config, given = {}) {
  if (typeof config !== 'object' || config === null) {
    throw new classes.GuestConfigError('configuration must be an object');
  }
  /** @type {Record<string, any>} */
  const values = {};
  for (const field of [...FIELDS, ...CALLBACKS]) {
    values[field] = Object.hasOwn(given, field) ? given[field] : read(config, field);
  }
  for (const name of CALLBACKS) {
    values[name] ??= undefined;
    if (values[name] !== undefined && typeof values[name] !== 'function') {
      throw new classes.GuestConfigError(`${name} must be a function`);
    }
  }
  const store = customStore(values.sessionStore);
  const lingerMs = isObject(values.outbox) ? read(values.outbox, 'lingerMs', 'outbox.lingerMs') : undefined;
  if (store) values.sessionStore = undefined;
  const members = FIELDS.flatMap((field) =>
    member(field, field === 'ca' ? withRoots(asText(values.ca)) : values[field]),
  );
  const json = `{${[...members, ...othersOf(config)].join(',')}}`;
  for (const complaint of native.misspeltOptions(json)) warn(complaint, 'CONFIG_OPTION');
  return { json, values, lingerMs: lingerMs ?? undefined, store };
}

module.exports = { readConfig };
