'use strict';

// What `authenticateGuest` resolves with, and its audit record, put together from the core's templates and what one call has
// found. Parsed whole for each call, the two would cost 2 µs more.

const { native } = require('./native.js');

const { FACT_EMAIL, FACT_CHANNEL_ID } = native;

/** @typedef {Record<string, unknown>} Members */

/**
 * A copier of one template, in which `{ fact: place }` stands for an element of the facts.
 * @param {Members} template
 * @returns {(facts: unknown[]) => Members}
 */
function filler(template) {
  const entries = Object.entries(template);
  const isObject = (value) => typeof value === 'object' && value !== null;
  const filled = entries.filter(([, value]) => isObject(value) && 'fact' in value);
  const names = filled.map(([name]) => name);
  const places = filled.map(([, value]) => value.fact);
  const nested = entries.filter(([, value]) => isObject(value) && !('fact' in value));
  return (facts) => {
    const made = { ...template };
    for (let i = 0; i < names.length; i++) made[names[i]] = facts[places[i]];
    // Each caller gets an object of its own.
    for (let i = 0; i < nested.length; i++) made[nested[i][0]] = { ...nested[i][1] };
    return made;
  };
}

/**
 * @param {string} templates what `NativeAuthenticator.templates` returns
 * @returns what makes a result of what `NativeAuthenticator.authenticate` resolves with, and of the caller's texts
 */
function resultMaker(templates) {
  const { analytics, audit } = JSON.parse(templates);
  const [analyticsOf, auditOf] = [filler(analytics), filler(audit)];
  return (facts, email, channelId) => {
    facts[FACT_EMAIL] = email;
    facts[FACT_CHANNEL_ID] = channelId;
    return { guestData: facts[0], analytics: analyticsOf(facts), audit: auditOf(facts) };
  };
}

module.exports = { resultMaker };
