// `environment` in every spelling, against the regions that the official SDK knows.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { pkg } from '../helpers/setup.mjs';

const { PureCloudRegionHosts } = createRequire(import.meta.url)('purecloud-platform-client-v2');

/** Where an environment leads: `{ api, login, domain }`. */
async function targets(environment) {
  const auth = new pkg.GuestAuthenticator({ environment, clientId: 'id', clientSecret: 'secret' });
  const { config } = auth.getSdkClient();
  await auth.close();
  return { api: config.basePath, login: config.authUrl, domain: config.environment };
}

test('every region of the official SDK is known, in every spelling', async () => {
  for (const [key, domain] of Object.entries(PureCloudRegionHosts)) {
    const hosts = ['api', 'login', 'apps'].map((prefix) => `${prefix}.${domain}`);
    const spellings = [key, key.replaceAll('_', '-'), key.toUpperCase(), domain, domain.toUpperCase(), ...hosts];
    for (const environment of [...spellings, ...hosts.map((host) => `https://${host}`)]) {
      const expected = { api: `https://api.${domain}`, login: `https://login.${domain}`, domain };
      assert.deepEqual(await targets(environment), expected, environment);
    }
  }
});

test('no region is known that the official SDK does not know', () => {
  const config = { environment: 'xx_north_9', clientId: 'id', clientSecret: 'secret' };
  assert.throws(
    () => new pkg.GuestAuthenticator(config),
    ({ code, message }) => {
      assert.equal(code, 'CONFIG_INVALID');
      const listed = message.match(/[a-z]+_\w+_\d/g).sort();
      assert.deepEqual(listed, Object.keys(PureCloudRegionHosts).sort());
      return true;
    },
  );
});

test('a tenant stays a tenant, also one that is called like a region', async () => {
  for (const tenant of ['acme', 'us-east-1', 'api']) {
    const { api, login } = await targets(`${tenant}.mygenesys.com`);
    assert.deepEqual([api, login], Array(2).fill(`https://${tenant}.mygenesys.com`));
  }
});
