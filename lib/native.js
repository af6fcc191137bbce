'use strict';

// Loads the native half: first what was built in this package, then a package for this platform alone.

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');
const { platformNames } = require('./platform.js');

/** @returns {typeof import('./binding')} */
function load() {
  const names = platformNames();
  const files = names.map((name) => join(__dirname, '..', 'native', `genesys-guest-auth.${name}.node`));
  const chosen = process.env.GENESYS_GUEST_AUTH_NATIVE;
  const candidates = chosen ? [chosen] : [...files.filter((file) => existsSync(file)), ...packages(names)];
  /** @type {unknown[]} */
  const causes = [];
  for (const candidate of candidates) {
    try {
      return require(candidate);
    } catch (cause) {
      causes.push(cause);
    }
  }
  const found = candidates.find((candidate) => existsSync(candidate));
  const reason = found
    ? `${found} is there but does not load: ${/** @type {Error} */ (causes[candidates.indexOf(found)]).message}`
    : `there is no binary for ${names.join(' or ')} in this installation`;
  const advice = [
    'If node_modules was copied from another machine or image, install again on this one.',
    'From a checkout of the source, `npm run build` makes one (needs Rust).',
  ];
  throw new Error(`genesys-guest-auth cannot start: ${reason}\n  ${advice.join('\n  ')}`, { cause: causes[0] });
}

/** @param {string[]} names */
function packages(names) {
  return names.map((name) => `genesys-guest-auth-${name}`);
}

module.exports = { native: load() };
