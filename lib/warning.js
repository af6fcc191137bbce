'use strict';

const process = require('node:process');

/**
 * Warns through the process' own channel.
 * @param {string} message
 * @param {string} code
 */
function warn(message, code) {
  process.emitWarning(message, { type: 'GenesysGuestAuthWarning', code });
}

module.exports = { warn };
