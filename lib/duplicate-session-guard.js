'use strict';

const { resultOf } = require('./errors.js');
const { native } = require('./native.js');

class DuplicateSessionGuard {
  #core = new native.NativeSessionGuard();

  /**
   * @param {string} email
   * @param {string} channelId
   */
  getSessionKey(email, channelId) {
    return native.sessionKey(`${email}`, `${channelId}`);
  }

  /**
   * @param {string} sessionKey
   * @param {string} _guestId
   */
  checkDuplicate(sessionKey, _guestId) {
    return resultOf(this.#core.checkDuplicate(`${sessionKey}`));
  }

  /** @param {string} sessionKey */
  invalidate(sessionKey) {
    this.#core.invalidate(`${sessionKey}`);
  }
}

module.exports = { DuplicateSessionGuard };
