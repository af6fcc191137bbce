'use strict';

// Makes the result of `authenticateGuest` and its audit record from the core's templates and the facts of one call. Parsing
// both from JSON for each call would cost 2 µs more.

const { native } = require('./native.js');

const { FACT_GUEST_ID, FACT_EMAIL, FACT_CHANNEL_ID, LONGEST_IDENTIFIER } = native;
const { Email, ChannelId } = native.PayloadPart;

/** @typedef {{ fact: number }} Place stands in a template for an element of the facts */

/** @param {unknown} value */
const isObject = (value) => typeof value === 'object' && value !== null;

/**
 * @param {unknown} value
 * @returns {value is Place}
 */
const isPlace = (value) => isObject(value) && Object.hasOwn(/** @type {object} */ (value), 'fact');

/**
 * What makes a copy of a template, filled in.
 * @param {Record<string, unknown>} template
 * @returns {(facts: unknown[]) => Record<string, any>}
 */
function filler(template) {
  const entries = Object.entries(template);
  const names = entries.flatMap(([name, value]) => (isPlace(value) ? [name] : []));
  const places = entries.flatMap(([, value]) => (isPlace(value) ? [value.fact] : []));
  const nested = entries.filter(([, value]) => isObject(value) && !isPlace(value));
  return (facts) => {
    const made = { ...template };
    for (let i = 0; i < names.length; i++) made[names[i]] = facts[places[i]];
    // Each caller gets an object of its own.
    for (let i = 0; i < nested.length; i++) made[nested[i][0]] = { .../** @type {object} */ (nested[i][1]) };
    return made;
  };
}

/** Where the facts have identifiers. */
const IDENTIFIERS = [FACT_GUEST_ID, FACT_EMAIL, FACT_CHANNEL_ID];

/**
 * No more of an identifier than audit records show, and no half of a character.
 * @param {any} text
 */
const beginning = (text) =>
  text.length > LONGEST_IDENTIFIER ? text.slice(0, LONGEST_IDENTIFIER).replace(/[\ud800-\udbff]$/, '') : text;

/**
 * @param {string} templates what `NativeAuthenticator.templates` returns
 * @returns what makes a result of what `NativeAuthenticator.authenticate` resolves with and of the payload
 */
function resultMaker(templates) {
  const { analytics, audit } = JSON.parse(templates);
  const [analyticsOf, auditOf] = [filler(analytics), filler(audit)];
  /**
   * @param {any[]} facts
   * @param {import('./payload.js').Payload} found
   */
  return (facts, found) => {
    facts[FACT_EMAIL] = found[Email];
    facts[FACT_CHANNEL_ID] = found[ChannelId];
    const analytics = /** @type {import('./types/guest').AnalyticsPayload} */ (analyticsOf(facts));
    for (const place of IDENTIFIERS) facts[place] = beginning(facts[place]);
    return { guestData: facts[0], analytics, audit: auditOf(facts) };
  };
}

module.exports = { resultMaker };
