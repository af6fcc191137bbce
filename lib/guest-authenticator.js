'use strict';

const { auditSink } = require('./audit.js');
const { Refusal, bridge, call, failure, open, outcomeOf, settledOf, signalOf } = require('./bridge.js');
const { readConfig } = require('./config.js');
const { deadLettersOf, discardOf, redeliverOf } = require('./dead-letters.js');
const { classes, resultOf } = require('./errors.js');
const { linger } = require('./linger.js');
const { native } = require('./native.js');
const { begin, inspect } = require('./payload.js');
const { accessTokenOf, bindOwn, closeOn, hidden, limitOf, rotate, sessionKey } = require('./instance.js');
const { resultMaker } = require('./result.js');
const { addSource } = require('./sources.js');

/** What `util.inspect` looks for; `node:util` itself is not needed. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

class GuestAuthenticator {
  #core;
  #audit;
  #environment;
  #endpoints;
  #resultOf;
  #lingerMs;
  #reportsAnalytics;
  #closing;
  #sdkClient;

  constructor(config) {
    const { json, values, store } = readConfig(config);
    if (store) hidden(this, 'store', store);
    const source = store && addSource(store);
    this.#core = resultOf(native.NativeAuthenticator.open(bridge, json, source, store?.standsIn));
    this.#audit = auditSink(values.auditLogCallback);
    this.#environment = values.environment;
    this.#endpoints = JSON.parse(this.#core.endpoints());
    this.#resultOf = resultMaker(this.#core.templates());
    this.#lingerMs = values.outbox?.lingerMs ?? undefined;
    this.#reportsAnalytics = Boolean(values.analyticsWebhookUrl);
    bindOwn(this, 'getAccessToken');
  }

  async authenticateGuest(payload, options) {
    const signal = signalOf(options);
    const number = open(signal);
    const found = inspect(payload);
    const refusal = begin(this.#core, 'authenticate', number, signal, found);
    const outcome = refusal ?? (await outcomeOf(number, signal));
    if (outcome instanceof Refusal) {
      this.#audit(outcome.structure.audit);
      throw failure(outcome, signal);
    }
    const [email, , channelId] = found;
    const { guestData, analytics, audit } = this.#resultOf(outcome, email, channelId);
    if (this.#reportsAnalytics) linger(this.#core, this.#lingerMs);
    this.#audit(audit);
    if (signal?.aborted) {
      // The guest exists and was reported, but nobody has it: its key is free, and a next call gets it.
      this.#core.release(sessionKey(email, channelId));
      throw signal.reason;
    }
    return { guestData, analytics };
  }

  async invalidateSession(sessionKey, options) {
    const signal = signalOf(options);
    const number = open(signal);
    const ended = this.#core.invalidate(number, `${sessionKey}`, signal !== undefined);
    const outcome = ended === null ? await outcomeOf(number, signal) : settledOf(ended);
    if (outcome instanceof Refusal) throw failure(outcome, signal);
    this.#audit(outcome.audit);
  }

  getAccessToken(options) {
    return accessTokenOf(this.#core, options);
  }

  getSessionKey(email, channelId) {
    return sessionKey(email, channelId);
  }

  rotateRefreshToken(refreshToken, options) {
    return rotate(this.#core, refreshToken, options);
  }

  async warmUp(options) {
    const signal = signalOf(options);
    await call((number) => this.#core.warmUp(number, signal !== undefined), signal);
  }

  getSdkClient() {
    const { createSdkClient } = require('./sdk.js');
    this.#sdkClient ??= createSdkClient({
      ...this.#endpoints,
      getAccessToken: this.getAccessToken,
      rejectAccessToken: (token) => this.#core.rejectAccessToken(token),
      SdkNotInstalledError: classes.SdkNotInstalledError,
    });
    return this.#sdkClient;
  }

  metrics() {
    return JSON.parse(this.#core.metrics());
  }

  async flush() {
    await call((number) => this.#core.flush(number));
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

  [INSPECT](_depth, options, inspect) {
    const state = { environment: this.#environment, closed: this.#closing !== undefined, ...this.metrics() };
    return `GuestAuthenticator ${inspect(state, options)}`;
  }
}

module.exports = { GuestAuthenticator };
