'use strict';

const { auditSink } = require('./audit');
const { bridge, call, signalOf } = require('./bridge');
const { readConfig } = require('./config');
const { deadLettersOf, discardOf, redeliverOf } = require('./dead-letters');
const { classes, translate } = require('./errors');
const { linger } = require('./linger');
const { native } = require('./native');
const { accessTokenOf, bindOwn, closeOn, exact, limitOf, rotate, sessionKey } = require('./instance');

/** What `util.inspect` looks for; `node:util` itself is not needed. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

class GuestAuthenticator {
  #core;
  #audit;
  #environment;
  #endpoints;
  #lingerMs;
  #reportsAnalytics;
  #closing;
  #sdkClient;

  constructor(config) {
    const { json, values } = readConfig(config);
    this.#core = translate(() => new native.NativeAuthenticator(bridge, json));
    this.#audit = auditSink(values.auditLogCallback);
    this.#environment = values.environment;
    this.#endpoints = translate(() => JSON.parse(this.#core.endpoints()));
    this.#lingerMs = values.outbox?.lingerMs ?? undefined;
    this.#reportsAnalytics = Boolean(values.analyticsWebhookUrl);
    bindOwn(this, 'getAccessToken');
  }

  async authenticateGuest(payload, options) {
    const signal = signalOf(options);
    const text = await call(
      (number) => this.#core.authenticate(number, payload, signal !== undefined),
      signal,
      (failure) => this.#audit(failure.audit),
      (late) => this.#undo(JSON.parse(late)),
    );
    const { guestData, analytics, audit } = JSON.parse(text);
    if (this.#reportsAnalytics) linger(this.#core, this.#lingerMs);
    this.#audit(audit);
    return { guestData, analytics };
  }

  /** The guest exists and was reported, but nobody has it: its key is free, and a next call gets it. */
  #undo({ analytics, audit }) {
    if (this.#reportsAnalytics) linger(this.#core, this.#lingerMs);
    this.#audit(audit);
    this.#core.release(exact(sessionKey(analytics.email, analytics.channelId)));
  }

  async invalidateSession(sessionKey, options) {
    const signal = signalOf(options);
    if (signal?.aborted) throw signal.reason;
    const audit = translate(() => this.#core.invalidate(exact(sessionKey)));
    this.#audit(JSON.parse(audit));
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
    const { createSdkClient } = require('./sdk');
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
