'use strict';

const { warn } = require('./warning.js');

/**
 * The tutorial's sink.
 * @param {object} record
 */
function logToConsole(record) {
  console.log('[AUDIT]', JSON.stringify(record, null, 2));
}

/**
 * The name of an error, and nothing of its message, which may hold the record. What was thrown need not be an error.
 * @param {any} error
 */
function kindOf(error) {
  try {
    if (typeof error?.name === 'string') return error.name;
  } catch {
    // A getter of the callback's own making.
  }
  return typeof error;
}

/**
 * Hands records to a callback. What that throws or rejects with fails no call, and is reported once.
 * @param {(record: any) => any} [callback]
 */
function auditSink(callback = logToConsole) {
  let reported = false;
  /** @param {unknown} error */
  const report = (error) => {
    if (reported) return;
    reported = true;
    warn(`auditLogCallback failed (${kindOf(error)}); further failures are not reported`, 'AUDIT_CALLBACK_FAILED');
  };
  /** @param {any} record */
  return (record) => {
    try {
      const outcome = callback(record);
      if (typeof outcome?.then === 'function') Promise.resolve(outcome).then(undefined, report);
    } catch (error) {
      report(error);
    }
  };
}

module.exports = { auditSink };
