// Runs the code of `docs/web-messaging.md`, each block in the order of the page, as its reader would: against a sandbox in
// the place of the environment.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { pkg, root } from '../helpers/setup.mjs';

const AsyncFunction = (async () => {}).constructor;
const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';

/** A class of the package whose instances speak to the sandbox, whatever environment the page names. */
const inSandbox = (Class, config, instances) =>
  class extends Class {
    constructor(options) {
      super({ ...options, ...config });
      instances.push(this);
    }
  };

test('the code of the page runs', async (t) => {
  const page = await readFile(join(root, 'docs', 'web-messaging.md'), 'utf8');
  const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code);
  assert.equal(blocks.length, 3);

  const sandbox = await startSandbox({
    deployments: [{ id: DEPLOYMENT, auth: true, upgrade: true, domains: ['shop.example'] }],
  });
  t.after(() => sandbox.close());
  const instances = [];
  t.after(() => Promise.all(instances.map((instance) => instance.close())));
  const { environment, clientId, clientSecret } = sandbox.config({ guestApi: 'web-messaging' });
  const config = { environment, clientId, clientSecret, auditLogCallback: () => {} };
  const classes = {
    GuestAuthenticator: inSandbox(pkg.GuestAuthenticator, config, instances),
    WebMessagingTokens: inSandbox(pkg.WebMessagingTokens, { environment }, instances),
  };

  // A module cannot be made of a text; what it imports is handed in.
  const run = async (code, names) => {
    const body = code.replace(/^import (\{ \w+ \}) from 'genesys-guest-auth';$/m, 'const $1 = classes;');
    const scope = { classes, deploymentId: DEPLOYMENT, ...names };
    return await new AsyncFunction(...Object.keys(scope), body)(...Object.values(scope));
  };
  const [anonymous, signingIn, tokens] = blocks;
  const before = await run(`${anonymous}\nreturn { authenticator, guest, guestData };`);
  assert.equal(before.guestData.authenticated, false);
  assert.equal(before.guestData.customAttributes.authMethod, 'guest-api');

  const { signedIn } = await run(`${signingIn}\nreturn { signedIn };`, {
    ...before,
    ...(await sandbox.signIn({ subject: 'jane' })),
  });
  assert.deepEqual([signedIn.guestData.authenticated, signedIn.guestData.newSession], [true, false]);

  await run(tokens, await sandbox.signIn({ subject: 'joe' }));
  const revoked = await sandbox.log({ route: 'revoke' });
  assert.deepEqual(
    revoked.map(({ status }) => status),
    [204, 204],
  );
});
