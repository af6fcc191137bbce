'use strict';

const { reasonOf, signalOf } = require('./abort.js');
const { auditSink } = require('./audit.js');
const { Refusal, bridge, call, errorOf, open, outcomeOf, settledOf } = require('./bridge.js');
const { addOwner } = require('./callbacks.js');
const { readConfig } = require('./config.js');
const { classes, resultOf } = require('./errors.js');
const { ReportingInstance, accessToken, bindOwn, isClosed, rotate } = require('./instance.js');
const { holdForEvents } = require('./keep-alive.js');
const { native } = require('./native.js');
const { inspect, refused, write } = require('./payload.js');
const { resultMaker } = require('./result.js');
const { guestOptionsOf } = require('./sign-in.js');
const { revoke } = require('./web-messaging-tokens.js');

/** @typedef {import('./types/config').AuthenticateOptions} AuthenticateOptions */
/** @typedef {import('./types/config').CallOptions} CallOptions */

/** What `util.inspect` looks for; `node:util` itself is not needed. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

class GuestAuthenticator extends ReportingInstance {
  #core;
  #hasCallbacks;
  #audit;
  #environment;
  #endpoints;
  #resultOf;
  #lingerMs;
  #reports;
  /** @type {import('./types/sdk').SdkClient | undefined} */
  #sdkClient;

  /** @param {import('./types/config').AuthenticatorConfig} config */
  constructor(config) {
    const { json, values, lingerMs, store } = readConfig(config);
    const owner = store && addOwner(store);
    const core = resultOf(native.NativeAuthenticator.open(bridge, json, owner, store?.standsIn));
    super(core, store);
    this.#core = core;
    this.#hasCallbacks = store !== undefined;
    this.#audit = auditSink(values.auditLogCallback);
    this.#environment = values.environment;
    this.#endpoints = JSON.parse(core.endpoints());
    this.#resultOf = resultMaker(core.templates());
    this.#lingerMs = lingerMs;
    this.#reports = Boolean(values.analyticsWebhookUrl);
    bindOwn(this, 'getAccessToken');
  }

  /**
   * @param {import('./types/guest').GuestRequest} payload
   * @param {AuthenticateOptions} [options]
   */
  async authenticateGuest(payload, options) {
    const signal = signalOf(options);
    const guestOptions = guestOptionsOf(options);
    const number = open(signal);
    const found = inspect(payload);
    const refusal = this.#core.authenticate(number, signal !== undefined, found, write, guestOptions);
    const outcome = refusal === null ? await outcomeOf(number, signal, this.#hasCallbacks) : refused(refusal, found);
    if (outcome instanceof Refusal) {
      this.#audit(outcome.failure.audit);
      throw errorOf(outcome, signal);
    }
    const { guestData, analytics, audit } = this.#resultOf(outcome, found);
    if (this.#reports) holdForEvents(this.#core, this.#lingerMs);
    this.#audit(audit);
    if (signal?.aborted) {
      // The guest exists and was reported, but the caller will not receive it. Its key is freed, so that a next call can.
      const releasing = open();
      const sessionKey = this.getSessionKey(analytics.email, analytics.channelId);
      if (this.#core.release(releasing, sessionKey)) outcomeOf(releasing, undefined, this.#hasCallbacks);
      throw reasonOf(signal);
    }
    return { guestData, analytics };
  }

  /**
   * @param {string} sessionKey
   * @param {CallOptions} [options]
   */
  async invalidateSession(sessionKey, options) {
    const signal = signalOf(options);
    const number = open(signal);
    const ended = this.#core.invalidate(number, `${sessionKey}`, signal !== undefined);
    const outcome = ended === null ? await outcomeOf(number, signal, this.#hasCallbacks) : settledOf(ended);
    if (outcome instanceof Refusal) throw errorOf(outcome, signal);
    this.#audit(outcome.audit);
  }

  /** @param {CallOptions} [options] */
  getAccessToken(options) {
    return accessToken(this.#core, options);
  }

  /**
   * @param {string} email
   * @param {string} channelId
   */
  getSessionKey(email, channelId) {
    return native.sessionKey(`${email}`, `${channelId}`);
  }

  /**
   * @param {string} refreshToken
   * @param {CallOptions} [options]
   */
  rotateRefreshToken(refreshToken, options) {
    return rotate(this.#core, refreshToken, options);
  }

  /**
   * @param {string} jwt
   * @param {import('./types/web-messaging').SignOutOptions} [options]
   */
  async signOut(jwt, options) {
    await revoke((...given) => this.#core.signOut(...given), jwt, options);
  }

  /** @param {CallOptions} [options] */
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

  reset() {
    this.#core.reset();
  }

  /** @returns {import('../index').AuthenticatorMetrics} */
  metrics() {
    return JSON.parse(this.#core.metrics());
  }

  /** @param {CallOptions} [options] */
  async flush(options) {
    const signal = signalOf(options);
    const number = open(signal);
    // If no event waits, no call begins: a `beforeExit` listener that flushes must not be called for ever.
    if (!this.#core.flush(number, signal !== undefined)) return;
    const outcome = await outcomeOf(number, signal);
    if (outcome instanceof Refusal) throw errorOf(outcome, signal);
  }

  /**
   * @param {number} _depth
   * @param {object} options
   * @param {(value: unknown, options: object) => string} inspect
   */
  [INSPECT](_depth, options, inspect) {
    const state = { environment: this.#environment, closed: isClosed(this), ...this.metrics() };
    return `GuestAuthenticator ${inspect(state, options)}`;
  }
}

module.exports = { GuestAuthenticator };
