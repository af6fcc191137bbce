// The two that are compared: the tutorial's service, as the fixture has it, and the package, built alike.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startSandbox } from 'genesys-guest-auth/testing';
import { pkg, root } from '../helpers/setup.mjs';

execFileSync(process.execPath, ['node_modules/.bin/tsc', '-p', '__test__/fixtures/tutorial'], { cwd: root });
const fixture = fileURLToPath(new URL('../fixtures/tutorial/dist/index.js', import.meta.url));
export const tutorial = await import(fixture);
export { pkg, startSandbox };

/** First wait after a 429, of both, so that no test waits for seconds. */
const BASE_DELAY_MS = 20;

/**
 * The tutorial's service. `options` are the fixture's: without any it is as published, and then nothing works.
 * `written` collects what its placeholder would PUT.
 */
export function tutorialSubject(sandbox, { options = { fixed: true }, ...config } = {}) {
  const audits = [];
  const written = [];
  const settings = {
    baseDelayMs: BASE_DELAY_MS,
    audit: (record) => audits.push(record),
    attributes: (guestId, attributes) => written.push({ guestId, attributes }),
    ...options,
  };
  const given = { ...sandbox.config(), ...config };
  const getToken = bound(new tutorial.OAuthManager(given));
  return {
    name: 'tutorial',
    audits,
    written,
    authenticator: new tutorial.GuestAuthenticator(given, settings),
    oauth: new tutorial.OAuthManager(given),
    guard: new tutorial.DuplicateSessionGuard(),
    tokens: new tutorial.GuestTokenManager(given.environment, getToken, settings),
    enricher: new tutorial.GuestContextEnricher(given.crmBaseUrl, given.analyticsWebhookUrl, settings.audit, settings),
    settle: async () => {},
    close: async () => {},
  };
}

/** The package, with the full address in its records, as the tutorial's have it. */
export function packageSubject(sandbox, config = {}) {
  const audits = [];
  const auditLogCallback = (record) => audits.push(record);
  const given = {
    retryBaseDelayMs: BASE_DELAY_MS,
    auditEmail: 'full',
    ...sandbox.config(),
    ...config,
    auditLogCallback,
  };
  const { environment, clientSecret, crmBaseUrl, analyticsWebhookUrl, retryBaseDelayMs, auditEmail } = given;
  const oauth = new pkg.OAuthManager(given);
  const parts = {
    authenticator: new pkg.GuestAuthenticator(given),
    oauth,
    guard: new pkg.DuplicateSessionGuard(),
    tokens: new pkg.GuestTokenManager(environment, oauth.getAccessToken, { retryBaseDelayMs }),
    enricher: new pkg.GuestContextEnricher(crmBaseUrl, analyticsWebhookUrl, auditLogCallback, {
      auditEmail,
      clientSecret,
    }),
  };
  return {
    name: 'package',
    audits,
    written: [],
    ...parts,
    settle: () => parts.authenticator.flush(),
    close: async () => {
      const closable = Object.values(parts).filter((part) => part.close);
      await Promise.all(closable.map((part) => part.close({ timeoutMs: 0 })));
    },
  };
}

const bound = (oauth) => oauth.getAccessToken.bind(oauth);

/** Runs `scenario` with console output of the fixture held back; what it wrote is returned beside. */
export async function quietly(scenario) {
  const written = [];
  const { error, log } = console;
  console.error = (...parts) => written.push(parts);
  console.log = (...parts) => written.push(parts);
  try {
    return { result: await scenario(), written };
  } finally {
    Object.assign(console, { error, log });
  }
}
