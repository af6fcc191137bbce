'use strict';

const { signalOf } = require('./abort.js');
const { auditSink } = require('./audit.js');
const { bridge, call } = require('./bridge.js');
const { addOwner } = require('./callbacks.js');
const { readConfig } = require('./config.js');
const { resultOf } = require('./errors.js');
const { ReportingInstance } = require('./instance.js');
const { holdForEvents } = require('./keep-alive.js');
const { native } = require('./native.js');

class GuestContextEnricher extends ReportingInstance {
  #core;
  #hasCallbacks;
  #audit;
  #lingerMs;
  #reports;

  /**
   * @param {string} crmBaseUrl
   * @param {string} analyticsWebhookUrl
   * @param {import('./types/audit').AuditLogCallback} auditLogCallback
   * @param {import('./types/config').GuestContextEnricherOptions} [options]
   */
  constructor(crmBaseUrl, analyticsWebhookUrl, auditLogCallback, options) {
    const given = {
      crmBaseUrl: crmBaseUrl || undefined,
      analyticsWebhookUrl: analyticsWebhookUrl || undefined,
      auditLogCallback,
    };
    const { json, values, lingerMs } = readConfig(options ?? {}, given);
    const { getAccessToken } = values;
    const callbacks = getAccessToken && { provideToken: () => getAccessToken() };
    const core = resultOf(native.NativeContextEnricher.open(bridge, json, callbacks && addOwner(callbacks)));
    super(core, callbacks);
    this.#core = core;
    this.#hasCallbacks = callbacks !== undefined;
    this.#audit = auditSink(values.auditLogCallback);
    this.#lingerMs = lingerMs;
    this.#reports = given.analyticsWebhookUrl !== undefined;
  }

  /**
   * @param {import('./types/guest').GuestAuthResponse} guestData
   * @param {import('./types/guest').GuestRequest} requestPayload
   * @param {import('./types/config').CallOptions} [options]
   * @returns {Promise<import('./types/guest').AnalyticsPayload>}
   */
  async enrichAndSync(guestData, requestPayload, options) {
    const signal = signalOf(options);
    const guest = jsonOf('guestData', guestData);
    const request = jsonOf('requestPayload', requestPayload);
    const { analytics, audit } = await call(
      (number) => this.#core.enrich(number, guest, request, signal !== undefined),
      signal,
      this.#hasCallbacks,
    );
    if (this.#reports) holdForEvents(this.#core, this.#lingerMs);
    this.#audit(audit);
    return analytics;
  }
}

/**
 * @param {string} name
 * @param {object} value
 */
function jsonOf(name, value) {
  const json = JSON.stringify(value);
  if (!json?.startsWith('{')) throw new TypeError(`${name} must be an object`);
  return json;
}

module.exports = { GuestContextEnricher };
