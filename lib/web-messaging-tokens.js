'use strict';

const { signalOf } = require('./abort.js');
const { bridge, call } = require('./bridge.js');
const { readConfig } = require('./config.js');
const { resultOf } = require('./errors.js');
const { Instance } = require('./instance.js');
const { native } = require('./native.js');
const { read } = require('./options.js');
const { optionalText, signInOf, textOf } = require('./sign-in.js');

/** @typedef {import('./types/config').CallOptions} CallOptions */
/** @typedef {import('./types/web-messaging').RefreshOptions} RefreshOptions */
/** @typedef {import('./types/web-messaging').SignOutOptions} SignOutOptions */
/** @typedef {import('./types/web-messaging').ExchangedSignIn} ExchangedSignIn */

class WebMessagingTokens extends Instance {
  #core;

  /** @param {import('./types/web-messaging').WebMessagingTokensConfig} config */
  constructor(config) {
    const { json } = readConfig(config);
    const core = resultOf(native.NativeWebMessagingTokens.open(bridge, json));
    super(core);
    this.#core = core;
  }

  /**
   * @param {string} deploymentId
   * @param {ExchangedSignIn} signIn
   * @param {CallOptions} [options]
   */
  async exchange(deploymentId, signIn, options) {
    const signal = signalOf(options);
    const deployment = textOf('deploymentId', deploymentId);
    const given = JSON.stringify(signInOf(signIn, ['code', 'idToken']));
    return call((number) => this.#core.exchange(number, deployment, given, signal !== undefined), signal);
  }

  /**
   * @param {string} refreshToken
   * @param {RefreshOptions} [options]
   */
  async refresh(refreshToken, options) {
    const signal = signalOf(options);
    const token = textOf('refreshToken', refreshToken);
    const deployment = options ? optionalText('deploymentId', read(options, 'deploymentId')) : undefined;
    return call((number) => this.#core.refresh(number, token, deployment, signal !== undefined), signal);
  }

  /**
   * @param {string} jwt
   * @param {SignOutOptions} [options]
   */
  async revoke(jwt, options) {
    await revoke((...given) => this.#core.revoke(...given), jwt, options);
  }
}

/**
 * Ends the sign-in of a JWT.
 * @param {(call: number, jwt: string, refreshToken: string | undefined, abortable: boolean) => void} begin
 * @param {string} jwt
 * @param {SignOutOptions} [options]
 */
async function revoke(begin, jwt, options) {
  const signal = signalOf(options);
  const given = textOf('jwt', jwt);
  const refreshToken = options ? optionalText('refreshToken', read(options, 'refreshToken')) : undefined;
  await call((number) => begin(number, given, refreshToken, signal !== undefined), signal);
}

module.exports = { WebMessagingTokens, revoke };
