// Where requests go and by which way: forms of the environment, proxies, certificates, plain http.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeAuthority, startSecureDouble } from '../helpers/certificates.mjs';
import { run } from '../helpers/children.mjs';
import { startProxy } from '../helpers/proxy.mjs';
import { configOf, failure, pkg, startDouble } from '../helpers/setup.mjs';

const { GuestConfigError, GuestTokenManager, NetworkError, OAuthManager } = pkg;

const credentials = { clientId: 'id', clientSecret: 'secret' };

/** Where an OAuth manager and a token manager of this environment want to connect, as the proxy sees it. */
async function destinations(t, settings) {
  const proxy = await startProxy(t);
  const config = { ...credentials, maxRetries: 0, proxy: proxy.url, ...settings };
  await failure(new OAuthManager(config).getAccessToken(), pkg.GuestAuthError);
  const manager = new GuestTokenManager(config.environment, async () => 'token', config);
  await failure(manager.rotateRefreshToken('refresh'), pkg.GuestAuthError);
  return proxy.lines();
}

describe('the environment', () => {
  const forms = {
    acme: ['acme.mygenesys.com:443', 'acme.mygenesys.com:443'],
    'mypurecloud.ie': ['login.mypurecloud.ie:443', 'api.mypurecloud.ie:443'],
    'usw2.pure.cloud': ['login.usw2.pure.cloud:443', 'api.usw2.pure.cloud:443'],
    'https://gateway.example': ['gateway.example:443', 'gateway.example:443'],
    'https://gateway.example:8443': ['gateway.example:8443', 'gateway.example:8443'],
  };
  for (const [environment, hosts] of Object.entries(forms)) {
    test(`${environment} leads to ${[...new Set(hosts)].join(' and ')}`, async (t) => {
      const lines = await destinations(t, { environment });
      assert.deepEqual(
        lines,
        hosts.map((host) => `CONNECT ${host}`),
      );
    });
  }

  test('can be overridden for login and API apart', async (t) => {
    const urls = { loginUrl: 'https://login.example', apiUrl: 'https://api.example/prefix' };
    assert.deepEqual(await destinations(t, { environment: 'acme', ...urls }), [
      'CONNECT login.example:443',
      'CONNECT api.example:443',
    ]);
  });

  test('may be plain http on loopback, and elsewhere only when that is allowed', async (t) => {
    for (const host of ['localhost:1', '127.1.2.3', '[::1]:1', 'api.localhost']) {
      assert.ok(new OAuthManager({ ...credentials, environment: `http://${host}` }), host);
    }
    for (const host of ['example.com', '10.0.0.1', 'localhost.example.com', '127.0.0.1.nip.io', '0.0.0.0']) {
      const config = { ...credentials, environment: `http://${host}` };
      assert.throws(() => new OAuthManager(config), GuestConfigError, host);
      assert.ok(new OAuthManager({ ...config, allowInsecureHttp: true }), host);
    }
    const lines = await destinations(t, { environment: 'http://plain.example', allowInsecureHttp: true });
    assert.deepEqual(lines, [
      'POST http://plain.example/oauth/token',
      'POST http://plain.example/api/v2/engagements/guests/refresh',
    ]);
  });
});

/** In a process of its own: a token, or what was wrong. */
const FETCH = `
  new pkg.OAuthManager({ maxRetries: 0, ...config }).getAccessToken().then(
    (token) => console.log('token', token),
    (error) => console.log(error.code, error.message),
  );
`;

async function fetchToken(config, env) {
  const { stdout, stderr, code } = await run(FETCH, { config, env });
  assert.deepEqual([code, stderr], [0, '']);
  return stdout.trim();
}

/** By a name that only the proxy knows: what goes to a loopback address never goes through one. */
function named(double) {
  const environment = double.url.replace('127.0.0.1', 'guest.test');
  return { ...configOf(double), environment, allowInsecureHttp: true };
}

describe('a proxy', () => {
  test('of the configuration is asked, with its credentials', async (t) => {
    const double = await startDouble(t);
    const proxy = await startProxy(t, { hosts: { 'guest.test': new URL(double.url).port } });
    const manager = new OAuthManager({ ...named(double), proxy: proxy.url.replace('//', '//user:p%40ss@') });
    assert.equal(await manager.getAccessToken(), 'access-1');
    assert.deepEqual(proxy.seen, [
      {
        line: `POST ${named(double).environment}/oauth/token`,
        credentials: `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      },
    ]);
  });

  test('that refuses is told of, without its credentials', async (t) => {
    const proxy = await startProxy(t, { refuse: '407 Proxy Authentication Required' });
    const url = proxy.url.replace('//', '//user:canary-of-a-password@');
    const manager = new OAuthManager({ ...credentials, environment: 'acme', maxRetries: 0, proxy: url });
    const error = await failure(manager.getAccessToken(), NetworkError, 'NETWORK');
    assert.match(
      error.message,
      /acme\.mygenesys\.com through the proxy 127\.0\.0\.1:\d+: the proxy wants a login \(407\)/,
    );
    assert.equal(error.retryable, false);
    assert.match(error.hint, /user and password/);
    assert.doesNotMatch(error.message + error.cause, /canary/);
  });

  test('of the environment variables is asked, unless NO_PROXY says otherwise', async (t) => {
    const double = await startDouble(t);
    const proxy = await startProxy(t, { hosts: { 'guest.test': new URL(double.url).port } });
    const direct = [
      { HTTP_PROXY: proxy.url, NO_PROXY: 'guest.test' },
      { HTTP_PROXY: proxy.url, no_proxy: 'example.com,.test' },
      { HTTPS_PROXY: proxy.url },
      { HTTP_PROXY: proxy.url, NO_PROXY: '*' },
    ];
    for (const env of direct) {
      // No other resolver than the proxy knows the name.
      assert.match(await fetchToken(named(double), env), /^NETWORK /, JSON.stringify(env));
      assert.equal(proxy.seen.length, 0, JSON.stringify(env));
    }
    for (const env of [{ HTTP_PROXY: proxy.url }, { ALL_PROXY: proxy.url }]) {
      assert.match(await fetchToken(configOf(double), env), /^token access-/, 'a loopback address is never proxied');
      assert.equal(proxy.seen.length, 0, JSON.stringify(env));
    }
    for (const env of [{ HTTP_PROXY: proxy.url }, { http_proxy: proxy.url, NO_PROXY: 'example.com' }]) {
      assert.match(await fetchToken(named(double), env), /^token access-/);
      assert.equal(proxy.seen.splice(0).length, 1, JSON.stringify(env));
    }
    // NO_PROXY also holds for the proxy of the configuration.
    await fetchToken({ ...named(double), proxy: proxy.url }, { NO_PROXY: 'guest.test' });
    assert.equal(proxy.seen.length, 0);
    // And `false` means none, whatever the environment says.
    await fetchToken({ ...named(double), proxy: false }, { HTTP_PROXY: proxy.url });
    assert.equal(proxy.seen.length, 0);
  });
});

describe('certificates', () => {
  let authority;
  before(() => {
    authority = makeAuthority();
  });
  after(() => authority.remove());

  test('of a private authority are not trusted by themselves, which no repetition changes', async (t) => {
    const double = await startSecureDouble(t, authority);
    const error = await failure(new OAuthManager(configOf(double)).getAccessToken(), NetworkError, 'NETWORK');
    assert.match(error.message, /certificate/i);
    assert.deepEqual([error.attempts, error.retryable], [1, false]);
    assert.equal(double.exchanges.length, 0);
  });

  test('are trusted with ca: a text, several, an array', async (t) => {
    const double = await startSecureDouble(t, authority);
    const other = makeAuthority();
    t.after(() => other.remove());
    for (const ca of [authority.ca, other.ca + authority.ca, [other.ca, authority.ca]]) {
      const manager = new OAuthManager({ ...configOf(double), ca });
      assert.match(await manager.getAccessToken(), /^access-/);
      await manager.close();
    }
    await failure(new OAuthManager({ ...configOf(double), ca: other.ca }).getAccessToken(), NetworkError);
  });

  test('must be for the host', async (t) => {
    const stranger = makeAuthority('DNS:elsewhere.example');
    t.after(() => stranger.remove());
    const double = await startSecureDouble(t, stranger);
    const manager = new OAuthManager({ ...configOf(double), ca: stranger.ca });
    const error = await failure(manager.getAccessToken(), NetworkError, 'NETWORK');
    assert.deepEqual([error.attempts, double.exchanges.length], [1, 0]);
  });

  test('are trusted with NODE_EXTRA_CA_CERTS, as Node does', async (t) => {
    const double = await startSecureDouble(t, authority);
    const config = configOf(double);
    assert.match(await fetchToken(config, { NODE_EXTRA_CA_CERTS: authority.caFile }), /^token access-/);
    assert.match(await fetchToken(config, { NODE_EXTRA_CA_CERTS: '' }), /^NETWORK /);
    const missing = `${authority.caFile}.missing`;
    const { stdout } = await run(FETCH, {
      config: { ...config, ca: authority.ca },
      env: { NODE_EXTRA_CA_CERTS: missing },
    });
    assert.match(stdout, /^token access-/, 'a file that is not there is passed over, as Node does');
  });

  test('are checked behind a proxy as well', async (t) => {
    const double = await startSecureDouble(t, authority);
    const proxy = await startProxy(t, { hosts: { 'guest.test': new URL(double.url).port } });
    const env = { HTTPS_PROXY: proxy.url, NODE_EXTRA_CA_CERTS: authority.caFile };
    assert.match(await fetchToken(named(double), env), /^token access-/);
    assert.match(await fetchToken(named(double), { ...env, NODE_EXTRA_CA_CERTS: '' }), /^NETWORK /);
    assert.deepEqual(proxy.lines(), Array(2).fill(`CONNECT guest.test:${new URL(double.url).port}`));
  });
});
