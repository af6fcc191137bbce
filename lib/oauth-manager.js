'use strict';

const { bridge } = require('./bridge.js');
const { readConfig } = require('./config.js');
const { resultOf } = require('./errors.js');
const { Instance, accessToken, bindOwn } = require('./instance.js');
const { native } = require('./native.js');

class OAuthManager extends Instance {
  #core;

  /** @param {import('./types/config').OAuthConfig} config */
  constructor(config) {
    const { json } = readConfig(config);
    const core = resultOf(native.NativeOAuthManager.open(bridge, json));
    super(core);
    this.#core = core;
    bindOwn(this, 'getAccessToken');
  }

  /** @param {import('./types/config').CallOptions} [options] */
  getAccessToken(options) {
    return accessToken(this.#core, options);
  }
}

module.exports = { OAuthManager };
