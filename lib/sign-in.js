'use strict';

// How a guest of web messaging has signed in, as JSON for the core. A mistake is the caller's, and told as a `TypeError`;
// values are shown nowhere.

const { read } = require('./options.js');

/** @typedef {import('./types/web-messaging').SignIn} SignIn */

/** By the member that tells them apart: what else each form must have, and may have. */
const FORMS = {
  code: { required: ['redirectUri'], optional: ['codeVerifier', 'nonce', 'maxAge', 'iss'] },
  idToken: { required: [], optional: ['nonce'] },
  jwt: { required: [], optional: [] },
};

const MAX_AGE = 2 ** 31 - 1;

/**
 * A string that is not empty and has no half characters, which JSON could not tell the core.
 * @param {string} name
 * @param {unknown} value
 */
function textOf(name, value) {
  if (typeof value === 'string' && value !== '' && !/\\ud[89a-f]/.test(JSON.stringify(value))) return value;
  throw new TypeError(`${name} must be a string that is not empty`);
}

/**
 * The same, or nothing.
 * @param {string} name
 * @param {unknown} value
 */
function optionalText(name, value) {
  return value === undefined || value === null ? undefined : textOf(name, value);
}

/**
 * @param {unknown} given
 * @param {('code' | 'idToken' | 'jwt')[]} forms those that are possible here
 */
function signInOf(given, forms) {
  const among = forms.join(', ').replace(/, (\w+)$/, ' or $1');
  if (typeof given !== 'object' || given === null) throw new TypeError(`signIn must be an object with ${among}`);
  const present = forms.filter((form) => (read(given, form) ?? undefined) !== undefined);
  if (present.length !== 1) throw new TypeError(`signIn must have one of ${among}`);
  const [form] = present;
  /** @type {Record<string, string | number>} */
  const signIn = { [form]: textOf(`signIn.${form}`, read(given, form)) };
  for (const name of FORMS[form].required) signIn[name] = textOf(`signIn.${name}`, read(given, name));
  for (const name of FORMS[form].optional) {
    const value = read(given, name) ?? undefined;
    if (value !== undefined) signIn[name] = name === 'maxAge' ? maxAgeOf(value) : textOf(`signIn.${name}`, value);
  }
  return signIn;
}

/** @param {unknown} value */
function maxAgeOf(value) {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_AGE) return value;
  throw new TypeError('signIn.maxAge must be a whole number of seconds from 0');
}

/**
 * `signIn` and `token` of a call's options as JSON; nothing where neither is given.
 * @param {import('./types/config').AuthenticateOptions | undefined} options
 */
function guestOptionsOf(options) {
  if (options === undefined || options === null) return undefined;
  const given = read(options, 'signIn') ?? undefined;
  const token = optionalText('token', read(options, 'token'));
  if (given === undefined && token === undefined) return undefined;
  const signIn = given === undefined ? undefined : signInOf(given, ['code', 'idToken', 'jwt']);
  return JSON.stringify({ signIn, token });
}

module.exports = { guestOptionsOf, optionalText, signInOf, textOf };
