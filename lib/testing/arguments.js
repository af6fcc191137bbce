'use strict';

// The command line of the sandbox for the options of `startSandbox`.

/** Options that take a value, and their flags. */
const VALUES = {
  port: '--port',
  threads: '--threads',
  clientId: '--client-id',
  clientSecret: '--client-secret',
  environment: '--environment',
  signingKey: '--signing-key',
  expiresIn: '--expires-in',
  tokenLifetime: '--token-lifetime',
  logCapacity: '--log-capacity',
};

/** Options that are on or off, what they are by default, and the flag for the other. */
const SWITCHES = {
  tls: [false, '--tls'],
  conflicts: [true, '--no-conflicts'],
  log: [true, '--no-log'],
};

const KNOWN = new Set([...Object.keys(VALUES), ...Object.keys(SWITCHES), 'deployments', 'binary']);

function argumentsOf(options) {
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw new TypeError(`startSandbox has no option ${unknown}`);
  const flags = ['--exit-with-stdin'];
  for (const [name, flag] of Object.entries(VALUES)) {
    // One argument, so that a value that begins with a dash is still a value.
    if (options[name] !== undefined) flags.push(`${flag}=${options[name]}`);
  }
  for (const [name, [normal, flag]] of Object.entries(SWITCHES)) {
    if (options[name] !== undefined && options[name] !== normal) flags.push(flag);
  }
  for (const deployment of options.deployments ?? []) flags.push(`--deployment=${words(deployment)}`);
  return flags;
}

/** `ID,auth,upgrade,domains=a+b` */
function words({ id, auth, upgrade, domains }) {
  return [id, auth && 'auth', upgrade && 'upgrade', domains && `domains=${domains.join('+')}`].filter(Boolean).join();
}

module.exports = { argumentsOf };
