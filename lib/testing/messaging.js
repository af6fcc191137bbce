'use strict';

// Web messaging in a running sandbox, as a test holds it.

const { withQuery } = require('./control.js');

class MessagingHandle {
  #call;

  constructor(call) {
    this.#call = call;
  }

  signIn(guest) {
    const { pkce = true, ...rest } = guest;
    return this.#call('POST', 'messaging/sign-in', { ...rest, withoutPkce: !pkce });
  }

  frames(filter) {
    return this.#call('GET', withQuery('messaging/frames', filter));
  }

  clearFrames() {
    return this.#call('DELETE', 'messaging/frames');
  }

  async frameFault(...faults) {
    const { ids } = await this.#call('POST', 'messaging/faults', faults);
    return faults.length === 1 ? ids[0] : ids;
  }

  frameFaults() {
    return this.#call('GET', 'messaging/faults');
  }

  clearFrameFaults(id) {
    return this.#call('DELETE', withQuery('messaging/faults', { id }));
  }

  messagingState(filter) {
    return this.#call('GET', withQuery('messaging', filter));
  }

  async deployments(...deployments) {
    await this.#change({ deployments });
  }

  async contacts(contacts) {
    await this.#change({ contacts });
  }

  async say(text, token) {
    return (await this.#change({ say: { text, token } })).said;
  }

  async disconnect(which = true) {
    return (await this.#change({ disconnect: which })).disconnected;
  }

  async closeSockets(closing = {}) {
    return (await this.#change({ closeSockets: closing })).socketsClosed;
  }

  async expireSessions(which = true) {
    return (await this.#change({ expireSessions: which })).sessionsExpired;
  }

  async expireJwts(which = true) {
    return (await this.#change({ expireJwts: which })).jwtsExpired;
  }

  async expireRefreshTokens(which = true) {
    return (await this.#change({ expireRefreshTokens: which })).refreshTokensExpired;
  }

  #change(change) {
    return this.#call('POST', 'messaging', change);
  }
}

module.exports = { MessagingHandle };
