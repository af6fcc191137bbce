// The sandbox, asked by Genesys' own SDK.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { startSandbox } = require(join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'lib', 'testing'));

const deploymentId = '6a1f0f5e-0000-4000-8000-000000000001';
let [home, platform, sandbox, client] = [];

before(async () => {
  // An empty home, and no proxy: the SDK would read a configuration file from the one, and obey the other.
  home = await mkdtemp(join(tmpdir(), 'guest-sdk-'));
  process.env.HOME = home;
  for (const name of Object.keys(process.env)) if (/_proxy$/i.test(name)) delete process.env[name];
  platform = require('purecloud-platform-client-v2');
  sandbox = await startSandbox();
  client = new platform.ApiClientClass();
  client.config.live_reload_config = false;
  client.setGateway({ host: '127.0.0.1', protocol: 'http', port: new URL(sandbox.url).port });
  await client.loginClientCredentialsGrant('id', 'secret');
});

after(async () => {
  await sandbox.close();
  await rm(home, { recursive: true, force: true });
});

test('trades a code, refreshes and revokes, its own token along with it', async () => {
  const api = new platform.WebDeploymentsApi(client);
  const { code, redirectUri, codeVerifier } = await sandbox.signIn({ subject: 'ada' });
  const body = { deploymentId, oauth: { code, redirectUri, codeVerifier } };
  const { jwt, refreshToken } = await api.postWebdeploymentsTokenOauthcodegrantjwtexchange(body);
  const spent = await api.postWebdeploymentsTokenOauthcodegrantjwtexchange(body).catch((error) => error);
  assert.deepEqual([spent.status, spent.code], [401, 'bad.credentials']);
  const refreshed = await api.postWebdeploymentsTokenRefresh({ body: { refreshToken, deploymentId } });
  assert.deepEqual(Object.keys(refreshed), ['jwt']);
  const customHeaders = { Authorization: `Bearer ${jwt}` };
  assert.equal(await api.deleteWebdeploymentsTokenRevoke({ customHeaders }), undefined);
  const ended = await api
    .postWebdeploymentsTokenRefresh({ body: { refreshToken, deploymentId } })
    .catch((error) => error);
  assert.equal(ended.status, 401);
  const headers = (await sandbox.log({ route: 'exchange' }))[0].headers;
  assert.match(headers.authorization, /^Bearer /, 'a public call ignores what comes along');
});

test('looks contacts up', async () => {
  const api = new platform.ExternalContactsApi(client);
  await sandbox.contacts({ 'ada@shop.example': { id: 'c-1', firstName: 'Ada', customFields: { tier: 'gold' } } });
  const expand = ['identifiers', 'externalSources'];
  const lookup = (value) => api.postExternalcontactsIdentifierlookupContacts({ type: 'Email', value }, { expand });
  assert.equal((await lookup('ADA@shop.example')).customFields.tier, 'gold');
  assert.equal((await api.getExternalcontactsContact('c-1')).firstName, 'Ada');
  const unknown = await lookup('nocrm@shop.example').catch((error) => error);
  assert.deepEqual([unknown.status, unknown.code], [404, 'not.found']);
});
