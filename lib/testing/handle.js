'use strict';

// A running sandbox, as a test holds it.

const { clearTimeout, setTimeout } = require('node:timers');
const { call, withQuery } = require('./control.js');
const { MessagingHandle } = require('./messaging.js');

/** Since Node 18.18; before, the name that TypeScript's helpers agree on. */
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** How long the program may take to stop before it is killed. */
const STOP_TIMEOUT_MS = 5000;

class SandboxHandle extends MessagingHandle {
  #child;
  #control;
  #options;
  #closing;

  constructor(child, addresses, options) {
    super((method, path, body) => this.#call(method, path, body));
    const { control, ...rest } = addresses;
    Object.assign(this, rest);
    this.#child = child;
    this.#control = control;
    this.#options = options;
  }

  config(overrides = {}) {
    const { clientId = 'sandbox-client', clientSecret = 'sandbox-secret', environment, signingKey } = this.#options;
    const key = signingKey ?? (environment === undefined ? undefined : `${environment}-guest-signing-key`);
    return {
      environment: this.url,
      clientId,
      clientSecret,
      // External contacts take the place of the CRM.
      ...(overrides.contacts ? {} : { crmBaseUrl: this.crm }),
      analyticsWebhookUrl: this.webhook,
      ...(key === undefined ? {} : { tokenSigningKey: key }),
      ...(this.ca === undefined ? {} : { ca: this.ca }),
      ...overrides,
    };
  }

  async fault(...faults) {
    const { ids } = await this.#call('POST', 'faults', faults.map(plainFault));
    return faults.length === 1 ? ids[0] : ids;
  }

  faults() {
    return this.#call('GET', 'faults');
  }

  clearFaults(id) {
    return this.#call('DELETE', withQuery('faults', { id }));
  }

  limit(...limits) {
    return this.#call('PUT', 'limits', limits);
  }

  clearLimits(route) {
    return this.#call('DELETE', withQuery('limits', { route }));
  }

  latency(ms) {
    return this.#call('PUT', 'latency', typeof ms === 'number' ? { '*': ms } : ms);
  }

  log(filter) {
    return this.#call('GET', withQuery('log', filter));
  }

  logging(enabled) {
    return this.#call('PUT', 'log', { enabled });
  }

  clearLog() {
    return this.#call('DELETE', 'log');
  }

  counts() {
    return this.#call('GET', 'counts');
  }

  clearCounts() {
    return this.#call('DELETE', 'counts');
  }

  state(filter) {
    return this.#call('GET', withQuery('state', filter));
  }

  async revokeTokens(which = true) {
    return (await this.#call('POST', 'state', { revokeTokens: which })).tokensRevoked;
  }

  async endGuests(which = true) {
    return (await this.#call('POST', 'state', { endGuests: which })).guestsEnded;
  }

  async settings(settings) {
    await this.#call('POST', 'state', { settings });
  }

  async profiles(profiles) {
    await this.#call('POST', 'state', { profiles });
  }

  reset() {
    return this.#call('DELETE', 'state');
  }

  close() {
    this.#closing ??= stop(this.#child);
    return this.#closing;
  }

  #call(method, path, body) {
    return call(this.#control, this.ca, method, path, body);
  }
}

Object.defineProperty(SandboxHandle.prototype, asyncDispose, {
  value: function dispose() {
    return this.close();
  },
  configurable: true,
  writable: true,
});

/** Header values may be numbers here; on the wire of the control API they are text. */
function plainFault(fault) {
  if (!fault.headers) return fault;
  const text = (value) => (value === null ? null : String(value));
  const headers = Object.fromEntries(Object.entries(fault.headers).map(([name, value]) => [name, text(value)]));
  return { ...fault, headers };
}

/** Ends the program and waits for its end. */
function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    // Whoever waits for this promise wants the process to live that long.
    child.ref?.();
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.stdin.end();
  });
}

module.exports = { SandboxHandle };
