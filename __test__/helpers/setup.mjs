// What most suites start from: a double, an authenticator for it, and the audit records that it wrote.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Double } from './double.mjs';

// A proxy of the surroundings would stand between the tests and their servers.
for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy']) {
  delete process.env[name];
  delete process.env[name.toUpperCase()];
}

/** The package's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export const pkg = (await import('../../index.js')).default;

let guests = 0;

/** A payload that nobody has used yet. */
export function guest(changes = {}) {
  guests += 1;
  return { email: `guest-${guests}@example.com`, consent: true, channelId: 'web', ...changes };
}

/** A double that lives as long as the test. */
export async function startDouble(t) {
  const double = await Double.start();
  t.after(() => double.close());
  return double;
}

/**
 * A double and an authenticator for it. `crm` and `webhook` switch the two on; whatever else is in `config` is passed on.
 */
export async function setup(t, { crm = false, webhook = false, ...config } = {}) {
  const double = await startDouble(t);
  const audits = [];
  const settings = {
    ...configOf(double, { crm, webhook }),
    auditLogCallback: (record) => audits.push(record),
    ...config,
  };
  if (settings.tokenSigningKey) double.signingKey = settings.tokenSigningKey;
  const auth = new pkg.GuestAuthenticator(settings);
  t.after(() => auth.close({ timeoutMs: 0 }));
  return { double, auth, audits, config: settings };
}

/** The configuration for a double. */
export function configOf(double, { crm = false, webhook = false } = {}) {
  return {
    environment: double.url,
    clientId: 'client-id',
    clientSecret: 'client-secret',
    ...(crm && { crmBaseUrl: `${double.url}/crm` }),
    ...(webhook && { analyticsWebhookUrl: `${double.url}/hook` }),
  };
}

/** The error that a promise rejects with, which must be of a class and, where one is given, have a code. */
export async function failure(promise, Class, code) {
  const error = await promise.then(
    (value) => assert.fail(`expected a rejection, got ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  if (!(error instanceof Class)) throw error;
  if (code !== undefined) assert.equal(error.code, code);
  return error;
}

/** Waits for what no event tells of: a time that must pass. Looks again and again, and gives up after a while. */
export async function until(isSo, what, limitMs = 20_000) {
  const end = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > end) assert.fail(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The warnings of this process from now on. */
export function warningsOf(t) {
  const warnings = [];
  const note = (warning) => warnings.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  return warnings;
}
