// lib/sdk.js with the real SDK, against a server that speaks as much of the API as is needed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const require = createRequire(import.meta.url);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

// An empty home, and no proxy: the SDK would read a configuration file from the one, and obey the other.
const saved = { ...process.env };
let home;
let sdk;
let createSdkClient;

before(async () => {
  home = await realpath(await mkdtemp(join(tmpdir(), 'guest-sdk-')));
  process.env.HOME = home;
  for (const name of ['http_proxy', 'https_proxy', 'all_proxy']) {
    delete process.env[name];
    delete process.env[name.toUpperCase()];
  }
  sdk = require('purecloud-platform-client-v2');
  ({ createSdkClient } = require('../../lib/sdk.js'));
});

after(async () => {
  process.env = saved;
  await rm(home, { recursive: true, force: true });
});

class SdkNotInstalledError extends Error {
  code = 'SDK_NOT_INSTALLED';
}

/** Requests seen, and the tokens that the API takes. */
let seen = [];
let accepted = new Set();
let server;
let origin;

before(async () => {
  server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { authorization } = request.headers;
    seen.push({ method: request.method, url: request.url, authorization, body, headers: request.headers });
    const known = accepted.has(authorization?.replace('Bearer ', ''));
    response.writeHead(known ? 200 : 401, { 'Content-Type': 'application/json' });
    const refusal = { status: 401, code: 'bad.credentials', message: 'Invalid login credentials.' };
    response.end(JSON.stringify(known ? { path: request.url } : refusal));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen = [];
  accepted = new Set(['one', 'two', 'a', 'b']);
});

/** A client whose tokens come from `tokens`, the last one for ever. */
function clientOf(tokens, options = {}) {
  const asked = { count: 0, rejected: [] };
  const client = createSdkClient({
    apiUrl: origin,
    loginUrl: origin,
    getAccessToken: async () => tokens[Math.min(asked.count++, tokens.length - 1)],
    rejectAccessToken: (token) => asked.rejected.push(token),
    SdkNotInstalledError,
    ...options,
  });
  return { client, asked, tokens: new sdk.TokensApi(client) };
}

describe('requests', () => {
  test('carry a fresh token each, and nobody logs in', async () => {
    const { tokens } = clientOf(['one', 'two']);
    assert.deepEqual(await tokens.getTokensMe(), { path: '/api/v2/tokens/me' });
    await tokens.getTokensMe();
    assert.deepEqual(
      seen.map(({ method, url, authorization }) => `${method} ${url} ${authorization}`),
      ['GET /api/v2/tokens/me Bearer one', 'GET /api/v2/tokens/me Bearer two'],
    );
  });

  test('send bodies and queries as the SDK does', async () => {
    const { client } = clientOf(['one']);
    await new sdk.UsersApi(client).postUsersSearch({ pageSize: 3 });
    await new sdk.UsersApi(client).getUsers({ pageSize: 7, expand: ['skills', 'groups'] });
    assert.deepEqual(JSON.parse(seen[0].body), { pageSize: 3 });
    const query = new URL(seen[1].url, origin).searchParams;
    assert.equal(query.get('pageSize'), '7');
    assert.equal(query.get('expand'), 'skills,groups');
  });

  test('of several instances keep apart, run together, and honour path prefixes', async () => {
    const first = clientOf(['a'], { apiUrl: `${origin}/one/` });
    const second = clientOf(['b'], { apiUrl: `${origin}/two` });
    const calls = Array.from({ length: 20 }, (_, i) => (i % 2 ? first : second).tokens.getTokensMe());
    const answers = await Promise.all(calls);
    assert.deepEqual(
      new Set(answers.map(({ path }) => path)),
      new Set(['/one/api/v2/tokens/me', '/two/api/v2/tokens/me']),
    );
    for (const { url, authorization } of seen)
      assert.equal(authorization, url.startsWith('/one/') ? 'Bearer a' : 'Bearer b');
  });

  test('with a header of the caller keep that one, in any spelling', async () => {
    const { tokens, asked } = clientOf(['one']);
    await tokens.getTokensMe({ customHeaders: { Authorization: 'Bearer two' } });
    await tokens.getTokensMe({ customHeaders: { authorization: 'Bearer two' } });
    assert.deepEqual(
      seen.map(({ authorization }) => authorization),
      ['Bearer two', 'Bearer two'],
    );
    assert.equal(asked.count, 0);
  });

  test('to another origin carry no token', async () => {
    const { client, tokens, asked } = clientOf(['one'], { apiUrl: `${origin}/mine` });
    client.config.basePath = `${origin}/minefield`;
    await assert.rejects(tokens.getTokensMe(), { status: 401 });
    assert.equal(seen[0].authorization, undefined);
    assert.equal(asked.count, 0);
  });

  test('through an HTTP client of the user carry tokens too, and keep their settings', async () => {
    const { client, tokens } = clientOf(['one']);
    class Counting extends sdk.DefaultHttpClient {
      #sent = 0;
      get sent() {
        return this.#sent;
      }
      request(request) {
        this.#sent += 1;
        return super.request(request);
      }
    }
    const own = new Counting(1234);
    client.setHttpClient(own);
    client.getHttpClient().setPreHook((config) => {
      config.headers['X-Hook'] = 'yes';
      return config;
    });
    await tokens.getTokensMe();
    assert.equal(own.sent, 1);
    assert.equal(client.getHttpClient().timeout, 1234);
    assert.ok(client.getHttpClient() instanceof sdk.AbstractHttpClient);
    assert.equal(seen[0].authorization, 'Bearer one');
    assert.equal(seen[0].headers['x-hook'], 'yes');
  });

  test('use a token that the user sets by hand', async () => {
    const { client, tokens, asked } = clientOf(['one']);
    client.setAccessToken('two');
    await tokens.getTokensMe();
    assert.equal(seen[0].authorization, 'Bearer two');
    assert.equal(asked.count, 0);
  });
});

describe('a 401', () => {
  test('renews the token and repeats the call once', async () => {
    const { tokens, asked } = clientOf(['stale', 'one']);
    assert.deepEqual(await tokens.getTokensMe(), { path: '/api/v2/tokens/me' });
    assert.deepEqual(
      seen.map(({ authorization }) => authorization),
      ['Bearer stale', 'Bearer one'],
    );
    assert.deepEqual(asked.rejected, ['stale']);
  });

  test('of the renewed token too is passed on, as the SDK does it', async () => {
    const { tokens, asked } = clientOf(['stale', 'staler']);
    await assert.rejects(tokens.getTokensMe(), { status: 401, code: 'bad.credentials' });
    assert.equal(seen.length, 2);
    assert.deepEqual(asked.rejected, ['stale']);
  });

  test('is passed on at once when there is no other token', async () => {
    const { tokens } = clientOf(['stale'], { rejectAccessToken: undefined });
    await assert.rejects(tokens.getTokensMe(), { status: 401 });
    assert.equal(seen.length, 1);
  });

  test('repeats the body', async () => {
    const { client } = clientOf(['stale', 'one']);
    await new sdk.UsersApi(client).postUsersSearch({ pageSize: 3 });
    assert.deepEqual(
      seen.map(({ body }) => body),
      ['{"pageSize":3}', '{"pageSize":3}'],
    );
  });
});

describe('errors', () => {
  test('of the token reach the caller as they are', async () => {
    const failure = new Error('no token');
    const { tokens } = clientOf([], { getAccessToken: () => Promise.reject(failure) });
    await assert.rejects(tokens.getTokensMe(), (error) => error === failure);
    assert.equal(seen.length, 0);
  });

  test('show no token', async () => {
    const secrets = ['canary-1', 'canary-2'];
    const refused = clientOf(secrets);
    refused.client.setReturnExtendedResponses(true);
    const unreachable = clientOf(secrets, { apiUrl: 'http://127.0.0.1:9' });
    for (const { tokens, client } of [refused, unreachable]) {
      const error = await tokens.getTokensMe().then(assert.fail, (reason) => reason);
      const shown = [inspect(error, { depth: 9 }), inspect(client, { depth: 9, showHidden: true })].join();
      assert.doesNotMatch(shown, /canary/);
    }
  });
});

describe('the SDK', () => {
  test('keeps its singleton', async () => {
    const before = sdk.ApiClient.instance;
    const { client } = clientOf(['one'], { domain: 'mypurecloud.ie' });
    assert.notEqual(client, before);
    assert.equal(sdk.ApiClient.instance, before);
    assert.equal(sdk.ApiClientClass.instance, before);
    assert.equal(client.instance, before);
    assert.ok(client instanceof sdk.ApiClientClass);
    assert.notEqual(client.config, before.config);
    assert.equal(before.config.environment, 'mypurecloud.com');
    assert.equal(before.config.basePath, 'https://api.mypurecloud.com');
    assert.ok(!before.authentications['PureCloud OAuth'].accessToken);
    assert.equal(Object.hasOwn(before, 'getHttpClient'), false);
  });

  test('is pointed at a Genesys domain', () => {
    const urls = { apiUrl: 'https://api.mypurecloud.ie', loginUrl: 'https://login.mypurecloud.ie' };
    const { client } = clientOf(['one'], { ...urls, domain: 'mypurecloud.ie' });
    assert.equal(client.config.environment, 'mypurecloud.ie');
    assert.equal(client.config.getConfUrl('api', client.config.basePath), urls.apiUrl);
    assert.equal(client.config.getConfUrl('login', client.config.authUrl), urls.loginUrl);
  });

  test('obeys the authenticator, not a configuration file, and leaves the watcher of its singleton alone', () => {
    // In a process of its own: the singleton reads the home folder when the SDK loads.
    const script = `
      const fs = require('node:fs');
      const path = require('node:path').join(process.env.HOME, '.genesyscloudjavascript', 'config');
      const sdk = require('purecloud-platform-client-v2');
      const listeners = () => {
        const probe = () => {};
        const count = fs.watchFile(path, { persistent: false }, probe).listeners('change').length - 1;
        fs.unwatchFile(path, probe);
        return count;
      };
      const before = listeners();
      const { createSdkClient } = require(process.env.SDK_FACTORY);
      const make = () => createSdkClient({ apiUrl: 'https://api.example.com', loginUrl: 'https://login.example.com' });
      const { config } = make();
      make();
      console.log(JSON.stringify({
        before, after: listeners(), live: config.live_reload_config, gateway: config.gateway,
        api: config.getConfUrl('api', config.basePath), other: sdk.ApiClient.config.gateway.host,
      }));`;
    return withFolder(async (folder) => {
      await mkdir(join(folder, '.genesyscloudjavascript'));
      await writeFile(join(folder, '.genesyscloudjavascript', 'config'), '[gateway]\nhost = gateway.example.com\n');
      // The watchers do not hold the process: it ends by itself, or this times out.
      const said = run(script, { cwd: root, HOME: folder });
      assert.deepEqual(said, {
        before: 1,
        after: 1,
        live: false,
        api: 'https://api.example.com',
        other: 'gateway.example.com',
      });
    });
  });

  test('missing is an error that says how to install it', () =>
    withFolder(async (folder) => {
      await cp(join(root, 'lib', 'sdk.js'), join(folder, 'sdk.js'));
      const said = run(missing, { cwd: folder, HOME: folder, SDK_FACTORY: join(folder, 'sdk.js') });
      assert.equal(said.name, 'NotInstalled');
      assert.match(said.message, /npm install purecloud-platform-client-v2$/);
      assert.equal(said.cause, 'MODULE_NOT_FOUND');
    }));

  test('too old is one too', () =>
    withFolder(async (folder) => {
      await cp(join(root, 'lib', 'sdk.js'), join(folder, 'sdk.js'));
      const old = join(folder, 'node_modules', 'purecloud-platform-client-v2');
      await mkdir(old, { recursive: true });
      await writeFile(join(old, 'index.js'), 'exports.ApiClientClass = class {};');
      const said = run(missing, { cwd: folder, HOME: folder, SDK_FACTORY: join(folder, 'sdk.js') });
      assert.match(said.message, /from version 212\.1\.0: npm install purecloud-platform-client-v2@latest$/);
    }));

  test('broken is not taken for a missing one', () =>
    withFolder(async (folder) => {
      await cp(join(root, 'lib', 'sdk.js'), join(folder, 'sdk.js'));
      const broken = join(folder, 'node_modules', 'purecloud-platform-client-v2');
      await mkdir(broken, { recursive: true });
      await writeFile(join(broken, 'index.js'), "require('no-such-dependency');");
      const said = run(missing, { cwd: folder, HOME: folder, SDK_FACTORY: join(folder, 'sdk.js') });
      assert.match(said.message, /no-such-dependency/);
      assert.equal(said.name, 'Error');
    }));
});

const missing = `
  class NotInstalled extends Error { name = 'NotInstalled'; }
  const { createSdkClient } = require(process.env.SDK_FACTORY);
  try {
    createSdkClient({ SdkNotInstalledError: NotInstalled });
  } catch ({ name, message, cause }) {
    console.log(JSON.stringify({ name, message, cause: cause?.code }));
  }`;

function run(script, { cwd, ...env }) {
  const options = {
    cwd,
    env: { PATH: process.env.PATH, SDK_FACTORY: join(root, 'lib', 'sdk.js'), ...env },
    timeout: 30_000,
  };
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { ...options, encoding: 'utf8' }));
}

async function withFolder(use) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'guest-sdk-')));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
