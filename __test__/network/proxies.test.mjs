// Through proxies that others run, with and without a login, and what is said of those that do not let one through.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { needs } from '../helpers/fronts/programs.mjs';
import { startDante, startSquid, startTinyproxy } from '../helpers/fronts/proxies.mjs';
import { needsSurroundings, surroundings } from '../helpers/fronts/surroundings.mjs';
import { freePort } from '../helpers/places.mjs';
import { fetchToken } from './client.mjs';

const HOST = 'api.test';
const names = { [HOST]: '127.0.0.1' };

/** As it is typed, which is no URL by the book, and as it should be. */
const PASSWORD = 'p@ss-canary';
const LOGINS = { 'as it is': `user:${PASSWORD}`, encoded: `user:${encodeURIComponent(PASSWORD)}` };

const sandboxes = {};
before(async () => {
  sandboxes.https = await startSandbox({ tls: true });
  sandboxes.http = await startSandbox();
});
after(() => Promise.all(Object.values(sandboxes).map((sandbox) => sandbox.close())));

/** The configuration for a sandbox by its name. */
function configFor(scheme, more) {
  const { url, ca } = sandboxes[scheme];
  return { environment: url.replace('127.0.0.1', HOST), ...(ca && { ca }), ...more };
}

const withLogin = (url, login) => url.replace('//', `//${login}@`);

/** What a proxy's error must say, and must not. */
function assertNamed(outcome, { host, status }) {
  assert.equal(outcome.token, undefined, 'the call failed');
  assert.ok(outcome.words.includes(host), `${outcome.words} names ${host}`);
  if (status) assert.match(outcome.words, new RegExp(`\\b${status}\\b`));
  assert.match(outcome.words, /proxy/i);
  assert.doesNotMatch(outcome.all, /canary/);
}

const PROXIES = {
  squid: ['squid', startSquid, 'http'],
  tinyproxy: ['tinyproxy', startTinyproxy, 'http'],
  Dante: ['danted', startDante, 'socks'],
};

for (const [what, [program, start, kind]] of Object.entries(PROXIES)) {
  describe(what, { skip: needs(program, 'openssl').skip || needsSurroundings.skip }, () => {
    for (const scheme of ['https', 'http']) {
      test(`carries ${scheme}, and looks up the name`, async (t) => {
        const proxy = await start(t, { names });
        const { env, seen } = surroundings(t);
        const variable = { [`${scheme.toUpperCase()}_PROXY`]: proxy.url };
        for (const [config, more] of [
          [{ proxy: proxy.url }, {}],
          [{}, variable],
          [{}, { ALL_PROXY: proxy.url }],
        ]) {
          const { token, words } = await fetchToken(configFor(scheme, config), { ...env, ...more });
          assert.ok(token, words);
        }
        assert.deepEqual(seen(), [], 'nothing is looked up or reached without it');
      });

      test(`that refuses ${scheme} is named`, async (t) => {
        const proxy = await start(t, { names, refuses: true });
        const { env } = surroundings(t);
        const outcome = await fetchToken(configFor(scheme, { proxy: withLogin(proxy.url, LOGINS.encoded) }), env);
        // Over plain http the server behind it might have said the same.
        if (kind === 'http' && scheme === 'http') assert.match(outcome.words, /\b403\b/);
        else assertNamed(outcome, { host: proxy.host, status: kind === 'http' ? 403 : undefined });
      });

      test(`that is dead is named, for ${scheme}`, async (t) => {
        const { env } = surroundings(t);
        const host = `127.0.0.1:${await freePort()}`;
        const url = `${kind === 'http' ? 'http' : 'socks5h'}://${LOGINS.encoded}@${host}`;
        const outcome = await fetchToken(configFor(scheme, { proxy: url }), env);
        assertNamed(outcome, { host });
        assert.deepEqual([outcome.code, outcome.attempts, outcome.retryable], ['NETWORK', 2, true]);
      });
    }
  });
}

describe('squid that wants a login', { skip: needs('squid', 'openssl').skip || needsSurroundings.skip }, () => {
  const users = { user: PASSWORD };

  for (const [how, login] of Object.entries(LOGINS)) {
    for (const scheme of ['https', 'http']) {
      test(`gets it for ${scheme}, with the password ${how}`, async (t) => {
        const proxy = await startSquid(t, { names, users });
        const { env } = surroundings(t);
        const url = withLogin(proxy.url, login);
        const variable = { [`${scheme.toUpperCase()}_PROXY`]: url };
        for (const [config, more] of [
          [{ proxy: url }, {}],
          [{}, variable],
        ]) {
          const { token, words } = await fetchToken(configFor(scheme, config), { ...env, ...more });
          assert.ok(token, words);
        }
      });
    }
  }

  for (const [what, login] of Object.entries({ none: undefined, 'a wrong one': 'user:canary' })) {
    for (const scheme of ['https', 'http']) {
      test(`and gets ${what} for ${scheme} is named, and not asked again`, async (t) => {
        const proxy = await startSquid(t, { names, users });
        const { env } = surroundings(t);
        const url = login ? withLogin(proxy.url, login) : proxy.url;
        const outcome = await fetchToken(configFor(scheme, { proxy: url }), env);
        assertNamed(outcome, { host: proxy.host, status: 407 });
        assert.deepEqual([outcome.attempts, outcome.retryable], [1, false]);
      });
    }
  }
});

describe('a proxy that does not get further', {
  skip: needs('squid', 'openssl').skip || needsSurroundings.skip,
}, () => {
  test('is named with its status', async (t) => {
    const proxy = await startSquid(t, { names });
    const { env } = surroundings(t);
    const environment = `https://${HOST}:${await freePort()}`;
    const outcome = await fetchToken({ environment, proxy: proxy.url, maxRetries: 0 }, env);
    assertNamed(outcome, { host: proxy.host, status: 503 });
  });
});

describe('socks5', { skip: needs('danted').skip || needsSurroundings.skip }, () => {
  test('looks up names here, socks5h at the proxy', async (t) => {
    const proxy = await startDante(t, { names });
    const here = surroundings(t, names);
    const nowhere = surroundings(t);
    const config = configFor('https', { proxy: proxy.localNames });
    const { token, words } = await fetchToken(config, here.env);
    assert.ok(token, words);
    assert.deepEqual([...new Set(here.seen())], [`lookup ${HOST}`]);
    const { code } = await fetchToken(config, nowhere.env);
    assert.equal(code, 'NETWORK');
  });
});
