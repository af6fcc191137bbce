// Which requests go through a proxy: `NO_PROXY` in all its forms, loopback, `proxy: false`.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsSurroundings, surroundings } from '../helpers/fronts/surroundings.mjs';
import { startProxy } from '../helpers/proxy.mjs';
import { configOf, pkg, startDouble } from '../helpers/setup.mjs';
import { fetchToken, fetchTokens } from './client.mjs';

/** `NO_PROXY`, then hosts that are reached without a proxy, and such as are not. */
const TABLE = [
  ['corp.test', ['corp.test', 'api.corp.test', 'a.b.corp.test', 'CORP.test:8443'], ['xcorp.test', 'corp.test.example']],
  ['CORP.Test', ['corp.test', 'api.corp.test'], ['test']],
  ['.corp.test', ['api.corp.test', 'a.b.corp.test'], ['xcorp.test']],
  ['*.corp.test', ['api.corp.test', 'a.b.corp.test'], ['xcorp.test']],
  ['corp.test:8443', ['corp.test:8443', 'api.corp.test:8443'], ['corp.test', 'corp.test:9443']],
  ['corp.test:443', ['corp.test', 'corp.test:443'], ['corp.test:8443']],
  ['.corp.test:8443', ['api.corp.test:8443'], ['api.corp.test']],
  ['*.corp.test:8443', ['api.corp.test:8443'], ['api.corp.test']],
  ['10.1.2.3', ['10.1.2.3', '10.1.2.3:8443'], ['10.1.2.4', '110.1.2.3']],
  ['10.1.2.3:8443', ['10.1.2.3:8443'], ['10.1.2.3']],
  ['10.0.0.0/8', ['10.1.2.3', '10.255.0.1:8443'], ['11.0.0.1', '10.corp.test']],
  ['172.16.0.0/12', ['172.31.255.255'], ['172.32.0.0']],
  ['fd00::1', ['[fd00::1]', '[fd00::1]:8443'], ['[fd00::2]']],
  ['[fd00::1]', ['[fd00::1]', '[fd00:0::1]'], ['[fd00::2]']],
  ['[fd00::1]:8443', ['[fd00::1]:8443'], ['[fd00::1]']],
  ['fd00::/8', ['[fd12::1]'], ['[fe00::1]', '10.1.2.3']],
  ['*', ['corp.test', '10.1.2.3', '[fd00::1]:8443'], []],
  ['a.test,b.test', ['a.test', 'b.test'], ['c.test']],
  ['a.test b.test', ['a.test', 'b.test'], ['c.test']],
  [' a.test , b.test,, \t10.0.0.0/8 ', ['a.test', 'b.test', '10.1.2.3'], ['c.test']],
  ['', [], ['corp.test', '10.1.2.3']],
];

const LOOPBACK = ['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '[::1]', '[::1]:8443'];

/** Where a proxy was asked to lead, in order. It refuses, and may be asked again for its reason. */
const destinations = (proxy) => [...new Set(proxy.lines())];

/** What a proxy is asked for this host. */
const asked = (host) => `CONNECT ${new URL(`https://${host}`).hostname}:${new URL(`https://${host}`).port || 443}`;

describe('NO_PROXY', { ...needsSurroundings, concurrency: 4 }, () => {
  for (const [rule, direct, proxied] of TABLE) {
    test(JSON.stringify(rule), async (t) => {
      const proxy = await startProxy(t);
      const { env, seen } = surroundings(t);
      const configs = [...direct, ...proxied].map((host) => ({ environment: `https://${host}`, maxRetries: 0 }));
      const outcomes = await fetchTokens(configs, { ...env, HTTPS_PROXY: proxy.url, NO_PROXY: rule });
      for (const { code } of outcomes) assert.equal(code, 'NETWORK');
      assert.deepEqual(destinations(proxy), proxied.map(asked));
      const plain = (host) => new URL(`https://${host}`).hostname.replace(/^\[|\]$/g, '');
      const reached = new Set(seen().map((line) => line.split(' ')[1]));
      for (const host of direct) assert.ok(reached.has(plain(host)), `${host} is tried`);
      for (const host of proxied) assert.ok(direct.map(plain).includes(plain(host)) || !reached.has(plain(host)), host);
    });
  }

  test('is also read as no_proxy, and holds for a proxy of the configuration', async (t) => {
    const proxy = await startProxy(t);
    const { env } = surroundings(t);
    const hosts = { 'a.test': [], 'b.test': ['CONNECT b.test:443'] };
    for (const [host, wanted] of Object.entries(hosts)) {
      const config = { environment: `https://${host}`, maxRetries: 0 };
      for (const name of ['NO_PROXY', 'no_proxy']) {
        await fetchToken(config, { ...env, https_proxy: proxy.url, [name]: 'a.test' });
        assert.deepEqual(destinations(proxy), wanted, name);
        proxy.seen.length = 0;
        await fetchToken({ ...config, proxy: proxy.url }, { ...env, [name]: 'a.test' });
        assert.deepEqual(destinations(proxy), wanted, `${name} and proxy`);
        proxy.seen.length = 0;
      }
    }
  });
});

describe('requests to this machine', needsSurroundings, () => {
  const forms = {
    'HTTP_PROXY and HTTPS_PROXY': (url) => [{}, { HTTP_PROXY: url, HTTPS_PROXY: url }],
    ALL_PROXY: (url) => [{}, { ALL_PROXY: url, all_proxy: url }],
    'a proxy of the configuration': (url) => [{ proxy: url }, {}],
  };
  for (const [what, form] of Object.entries(forms)) {
    test(`go through no proxy: ${what}`, async (t) => {
      const double = await startDouble(t);
      const proxy = await startProxy(t);
      const { env } = surroundings(t);
      const [config, variables] = form(proxy.url);
      const schemes = ['http', 'https'].flatMap((scheme) => LOOPBACK.map((host) => `${scheme}://${host}`));
      const configs = schemes.map((environment) => ({
        ...config,
        environment,
        maxRetries: 0,
        timeouts: { totalMs: 2000 },
      }));
      const { port } = new URL(double.url);
      const reached = ['127.0.0.1', 'localhost'].map((host) => ({ ...config, environment: `http://${host}:${port}` }));
      const outcomes = await fetchTokens([...configs, ...reached], { ...env, ...variables });
      assert.deepEqual(proxy.lines(), []);
      for (const { token } of outcomes.slice(-reached.length)) assert.match(token, /^access-/);
    });
  }

  test('go through one when they only look so', async (t) => {
    const proxy = await startProxy(t);
    const { env } = surroundings(t);
    const hosts = ['localhost.test', '127.0.0.1.test', '[::2]', '128.0.0.1'];
    const configs = hosts.map((host) => ({ environment: `https://${host}`, maxRetries: 0, proxy: proxy.url }));
    await fetchTokens(configs, env);
    assert.deepEqual(destinations(proxy), hosts.map(asked));
  });
});

describe('proxy: false', needsSurroundings, () => {
  test('means none, whatever the environment says', async (t) => {
    const double = await startDouble(t);
    const proxy = await startProxy(t);
    const { env } = surroundings(t, { 'api.test': '127.0.0.1' });
    const environment = double.url.replace('127.0.0.1', 'api.test');
    const variables = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url, ALL_PROXY: proxy.url };
    const { token } = await fetchToken({ environment, proxy: false }, { ...env, ...variables });
    assert.match(token ?? '', /^access-/);
    assert.deepEqual(proxy.lines(), []);
  });

  test('is the only flag: proxies are URLs that can be used', () => {
    const config = { ...configOf({ url: 'https://api.test' }) };
    for (const proxy of [false, 'http://p:1', 'https://p:1', 'socks5://p:1', 'socks5h://u:p@p:1']) {
      assert.ok(new pkg.OAuthManager({ ...config, proxy }), String(proxy));
    }
    for (const proxy of [true, 0, '', 'p:3128', 'ftp://p:1', 'socks4://p:1', 'socks://p:1']) {
      assert.throws(() => new pkg.OAuthManager({ ...config, proxy }), pkg.GuestConfigError, String(proxy));
    }
  });
});
