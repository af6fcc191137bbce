'use strict';

// The classes that do one part of the work, under the tutorial's names and with its argument orders.

const { auditSink } = require('./audit.js');
const { Refusal, bridge, call, failure, open, outcomeOf, signalOf } = require('./bridge.js');
const { readConfig } = require('./config.js');
const { deadLettersOf, discardOf, redeliverOf } = require('./dead-letters.js');
const { classes, resultOf } = require('./errors.js');
const { accessTokenOf, bindOwn, closeOn, hidden, limitOf, rotate, sessionKey } = require('./instance.js');
const { linger } = require('./linger.js');
const { native } = require('./native.js');
const { begin, inspect } = require('./payload.js');
const { addSource } = require('./sources.js');

class OAuthManager {
  #core;
  #closing;

  constructor(config) {
    const { json } = readConfig(config);
    this.#core = resultOf(native.NativeOAuthManager.open(bridge, json));
    bindOwn(this, 'getAccessToken');
  }

  getAccessToken(options) {
    return accessTokenOf(this.#core, options);
  }

  async close(options) {
    this.#closing ??= closeOn(this.#core, limitOf(options));
    await this.#closing;
  }
}

class DuplicateSessionGuard {
  #core = new native.NativeSessionGuard();

  getSessionKey(email, channelId) {
    return sessionKey(email, channelId);
  }

  checkDuplicate(sessionKey, _guestId) {
    return resultOf(this.#core.checkDuplicate(`${sessionKey}`));
  }

  invalidate(sessionKey) {
    this.#core.invalidate(`${sessionKey}`);
  }
}

class GuestTokenManager {
  #core;
  #closing;

  constructor(environment, getAccessToken, options) {
    if (typeof getAccessToken !== 'function') throw new classes.GuestConfigError('getAccessToken must be a function');
    const { json } = readConfig(options ?? {}, { environment });
    hidden(this, 'provideToken', getAccessToken);
    const source = addSource(this);
    this.#core = resultOf(native.NativeTokenManager.open(bridge, json, source));
  }

  async createGuestSession(payload, options) {
    const signal = signalOf(options);
    const number = open(signal);
    const refusal = begin(this.#core, 'create', number, signal, inspect(payload));
    const outcome = refusal ?? (await outcomeOf(number, signal));
    if (outcome instanceof Refusal) throw failure(outcome, signal);
    if (signal?.aborted) throw signal.reason;
    return outcome;
  }

  rotateRefreshToken(refreshToken, options) {
    return rotate(this.#core, refreshToken, options);
  }

  async close(options) {
    this.#closing ??= closeOn(this.#core, limitOf(options));
    await this.#closing;
  }
}

function jsonOf(name, value) {
  const json = JSON.stringify(value);
  if (!json?.startsWith('{')) throw new TypeError(`${name} must be an object`);
  return json;
}

class GuestContextEnricher {
  #core;
  #audit;
  #lingerMs;
  #reportsAnalytics;
  #closing;

  constructor(crmBaseUrl, analyticsWebhookUrl, auditLogCallback, options) {
    const given = {
      crmBaseUrl: crmBaseUrl || undefined,
      analyticsWebhookUrl: analyticsWebhookUrl || undefined,
      auditLogCallback,
    };
    const { json, values } = readConfig(options ?? {}, given);
    if (values.getAccessToken) hidden(this, 'provideToken', values.getAccessToken);
    const source = values.getAccessToken && addSource(this);
    this.#core = resultOf(native.NativeContextEnricher.open(bridge, json, source));
    this.#audit = auditSink(values.auditLogCallback);
    this.#lingerMs = values.outbox?.lingerMs ?? undefined;
    this.#reportsAnalytics = given.analyticsWebhookUrl !== undefined;
  }

  async enrichAndSync(guestData, requestPayload, options) {
    const signal = signalOf(options);
    const guest = jsonOf('guestData', guestData);
    const request = jsonOf('requestPayload', requestPayload);
    const { analytics, audit } = await call(
      (number) => this.#core.enrich(number, guest, request, signal !== undefined),
      signal,
    );
    if (this.#reportsAnalytics) linger(this.#core, this.#lingerMs);
    this.#audit(audit);
    return analytics;
  }

  async deadLetters() {
    return deadLettersOf(this.#core);
  }

  async redeliver(ids) {
    return redeliverOf(this.#core, ids);
  }

  async discardDeadLetters(ids) {
    return discardOf(this.#core, ids);
  }

  async close(options) {
    this.#closing ??= closeOn(this.#core, limitOf(options));
    await this.#closing;
  }
}

module.exports = { DuplicateSessionGuard, GuestContextEnricher, GuestTokenManager, OAuthManager };
