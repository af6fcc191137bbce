// Runs the code that the documentation shows of web messaging, as its reader would: against a sandbox in the place of the
// environment.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { pkg, root } from '../helpers/setup.mjs';

const AsyncFunction = (async () => {}).constructor;
const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';

/** A class of the package that has its configuration from the test as well, and whose instances end with it. */
const preset = (t, Class, config) =>
  class extends Class {
    constructor(options) {
      super({ ...options, ...config });
      t.after(() => this.close());
    }
  };

/** The blocks of JavaScript on a page. */
async function blocksOf(...path) {
  const page = await readFile(join(root, ...path), 'utf8');
  return [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
}

/** Runs a block with these names; a module cannot be made of a text, so what it imports is handed in. */
async function run(code, { classes, ...names }) {
  const body = code.replace(/^import (\{ \w+ \}) from 'genesys-guest-auth';$/m, 'const $1 = classes;');
  return await new AsyncFunction('classes', ...Object.keys(names), body)(classes, ...Object.values(names));
}

test('the code of the page on web messaging runs', async (t) => {
  const [anonymous, signingIn, trading, ...others] = await blocksOf('docs', 'web-messaging.md');
  assert.deepEqual(others, []);
  const deployment = { id: DEPLOYMENT, auth: true, upgrade: true, domains: ['shop.example'] };
  const sandbox = await startSandbox({ deployments: [deployment] });
  t.after(() => sandbox.close());
  const { environment, clientId, clientSecret } = sandbox.config({ guestApi: 'web-messaging' });
  const config = { environment, clientId, clientSecret, auditLogCallback: () => {} };
  const classes = {
    GuestAuthenticator: preset(t, pkg.GuestAuthenticator, config),
    WebMessagingTokens: preset(t, pkg.WebMessagingTokens, { environment }),
  };

  const before = await run(`${anonymous}\nreturn { authenticator, guest, guestData };`, { classes });
  assert.equal(before.guestData.authenticated, false);
  assert.equal(before.guestData.customAttributes.authMethod, 'guest-api');

  const jane = await sandbox.signIn({ subject: 'jane' });
  const { guestData } = await run(`${signingIn}\nreturn signedIn;`, { ...before, ...jane });
  assert.deepEqual([guestData.authenticated, guestData.newSession], [true, false]);

  await run(trading, { classes, deploymentId: DEPLOYMENT, ...(await sandbox.signIn({ subject: 'joe' })) });
  const revoked = await sandbox.log({ route: 'revoke' });
  assert.deepEqual(
    revoked.map(({ status }) => status),
    [204, 204],
  );
});

test('the code of the README on web messaging in the sandbox runs', async (t) => {
  const [code, ...others] = (await blocksOf('README.md')).filter((block) => block.includes('frameFault'));
  assert.deepEqual(others, []);
  const GuestAuthenticator = preset(t, pkg.GuestAuthenticator, { auditLogCallback: () => {} });
  const sandbox = await run(`${code}\nreturn sandbox;`, { startSandbox, GuestAuthenticator });
  t.after(() => sandbox.close());
  const statuses = (await sandbox.log({ route: 'jwt-refresh' })).map(({ status }) => status);
  assert.deepEqual(statuses, [200]);
});
