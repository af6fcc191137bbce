'use strict';

const { reasonOf, signalOf } = require('./abort.js');
const { Refusal, bridge, errorOf, open, outcomeOf } = require('./bridge.js');
const { addOwner } = require('./callbacks.js');
const { readConfig } = require('./config.js');
const { classes, resultOf } = require('./errors.js');
const { Instance, rotate } = require('./instance.js');
const { native } = require('./native.js');
const { inspect, refused, write } = require('./payload.js');

/** @typedef {import('./types/config').CallOptions} CallOptions */

class GuestTokenManager extends Instance {
  #core;

  /**
   * @param {string} environment
   * @param {() => Promise<string>} getAccessToken
   * @param {import('./types/config').GuestTokenManagerOptions} [options]
   */
  constructor(environment, getAccessToken, options) {
    if (typeof getAccessToken !== 'function') throw new classes.GuestConfigError('getAccessToken must be a function');
    const { json } = readConfig(options ?? {}, { environment });
    const callbacks = { provideToken: () => getAccessToken() };
    const core = resultOf(native.NativeTokenManager.open(bridge, json, addOwner(callbacks)));
    super(core, callbacks);
    this.#core = core;
  }

  /**
   * @param {import('./types/guest').GuestRequest} payload
   * @param {CallOptions} [options]
   */
  async createGuestSession(payload, options) {
    const signal = signalOf(options);
    const number = open(signal);
    const found = inspect(payload);
    const refusal = this.#core.create(number, signal !== undefined, found, write);
    const outcome = refusal === null ? await outcomeOf(number, signal, true) : refused(refusal, found);
    if (outcome instanceof Refusal) throw errorOf(outcome, signal);
    if (signal?.aborted) throw reasonOf(signal);
    return outcome;
  }

  /**
   * @param {string} refreshToken
   * @param {CallOptions} [options]
   */
  rotateRefreshToken(refreshToken, options) {
    return rotate(this.#core, refreshToken, options, true);
  }
}

module.exports = { GuestTokenManager };
