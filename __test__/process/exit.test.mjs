// When a process ends: not before what it has taken on is done, and not later.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, startDouble } from '../helpers/setup.mjs';

const QUIET = '{ ...config, auditLogCallback: () => {} }';

describe('the process', () => {
  test('ends by itself when it is idle, without close()', async (t) => {
    const double = await startDouble(t);
    const { code, stdout, stderr, hung } = await run(
      `
        const auth = new pkg.GuestAuthenticator(${QUIET});
        auth.authenticateGuest(guest()).then(() => console.log('done'));
      `,
      { config: configOf(double, { crm: true, webhook: true }) },
    );
    assert.deepEqual([code, stdout, stderr, hung], [0, 'done\n', '', false]);
    assert.equal(double.of('webhook').length, 1);
  });

  const work = {
    'a guest': ['create', 'auth.authenticateGuest(guest())'],
    'a guest, with a signal': ['create', 'auth.authenticateGuest(guest(), { signal: new AbortController().signal })'],
    'an access token': ['token', 'auth.getAccessToken()'],
    'a refresh': ['refresh', "auth.rotateRefreshToken('token')"],
    'the warm-up': ['token', 'auth.warmUp()'],
    'the closing': ['create', '(auth.authenticateGuest(guest()), auth.close())'],
    'an event': ['webhook', 'auth.authenticateGuest(guest()).then(() => auth.flush())'],
    'a token of the parts': [
      'create',
      "new pkg.GuestTokenManager(config.environment, async () => 't').createGuestSession(guest())",
    ],
    'an enrichment': [
      'crm',
      "new pkg.GuestContextEnricher(config.crmBaseUrl, '', () => {}).enrichAndSync({ guestId: 'g' }, guest())",
    ],
  };
  for (const [what, [route, call]] of Object.entries(work)) {
    test(`does not end while it waits for ${what}`, async (t) => {
      const double = await startDouble(t);
      const held = double.hold(route);
      let child;
      const ending = run(
        `
          const auth = new pkg.GuestAuthenticator(${QUIET});
          ${call}.then(() => console.log('done'));
        `,
        {
          config: configOf(double, { crm: true, webhook: true }),
          onStart: (started) => {
            child = started;
          },
        },
      );
      await double.arrival(route);
      // Alive, with nothing to do but to wait.
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(child.exitCode, null);
      held.release();
      const { code, stdout, stderr } = await ending;
      assert.deepEqual([code, stdout, stderr], [0, 'done\n', '']);
    });
  }

  test('does not wait for what was aborted, or never sent', async (t) => {
    const double = await startDouble(t);
    double.hold('create');
    const { code, stdout, hung } = await run(
      `
        const auth = new pkg.GuestAuthenticator(${QUIET});
        const controller = new AbortController();
        auth.authenticateGuest(guest(), { signal: controller.signal }).catch((reason) => console.log(reason));
        auth.authenticateGuest({}).catch((error) => console.log(error.code));
        auth.warmUp().then(() => controller.abort('aborted'));
      `,
      { config: configOf(double) },
    );
    assert.deepEqual([code, stdout, hung], [0, 'VALIDATION_FAILED\naborted\n', false]);
  });

  test('goes on for a call that is made when it was about to end, and not for one in its last moment', async (t) => {
    const double = await startDouble(t);
    const { code, stdout, stderr } = await run(
      `
        const auth = new pkg.GuestAuthenticator(${QUIET});
        process.once('beforeExit', () => auth.authenticateGuest(guest()).then(() => console.log('late')));
        process.on('exit', () => {
          auth.authenticateGuest(guest({ channelId: 'never' })).then(() => console.log('never'), () => {});
          auth.close();
        });
      `,
      { config: configOf(double) },
    );
    assert.deepEqual([code, stdout, stderr], [0, 'late\n', '']);
  });

  test('ends at once with process.exit() in a callback', async (t) => {
    const double = await startDouble(t);
    const { code } = await run(
      `
        const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => process.exit(7) });
        for (let i = 0; i < 50; i++) auth.authenticateGuest(guest({ channelId: 'web-' + i }));
      `,
      { config: configOf(double, { webhook: true }) },
    );
    assert.equal(code, 7);
  });

  test('fails when nobody handles a failure, as for any promise', async (t) => {
    const double = await startDouble(t);
    double.always('create', { status: 400, body: {} });
    const { code, stderr } = await run(`new pkg.GuestAuthenticator(${QUIET}).authenticateGuest(guest());`, {
      config: configOf(double),
    });
    assert.equal(code, 1);
    assert.match(stderr, /GuestCreationError: Guest creation failed: 400 \{\}/);
  });
});

/** Authenticates guests and leaves the rest to the outbox. */
const leave = (settings) => `
  const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {}, ...${settings} });
  process.on('exit', () => console.log(JSON.stringify(auth.metrics().analytics)));
  Promise.all(['a', 'b'].map((channelId) => auth.authenticateGuest(guest({ channelId })))).then(() => console.log('done'));
`;

describe('for events that wait in memory, the process', () => {
  test('stays until they are delivered', async (t) => {
    const double = await startDouble(t);
    double.next('webhook', { status: 503, headers: { 'Retry-After': '1' } });
    const { code, stdout, stderr } = await run(leave('{}'), { config: configOf(double, { webhook: true }) });
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, 'done\n{"pending":0,"delivered":2,"failed":0}\n');
    assert.equal(double.of('webhook').length, 3);
  });

  for (const lingerMs of [0, 200]) {
    test(`stays for ${lingerMs} ms at most where that is said, and tells of what is lost, once`, async (t) => {
      const double = await startDouble(t);
      double.hold('webhook');
      const { code, stdout, stderr, hung } = await run(leave(`{ outbox: { lingerMs: ${lingerMs} } }`), {
        config: configOf(double, { webhook: true }),
        // Shorter than it stays by default.
        limitMs: 9000,
      });
      assert.deepEqual([code, stdout, hung], [0, 'done\n{"pending":2,"delivered":0,"failed":0}\n', false]);
      const lines = stderr.split('\n').filter((line) => line.includes('ANALYTICS_UNDELIVERED'));
      assert.equal(lines.length, 1, stderr);
      assert.match(lines[0], /GenesysGuestAuthWarning: 2 analytics event/);
    });
  }

  test('does not stay for an instance that is closed', async (t) => {
    const double = await startDouble(t);
    double.hold('webhook');
    const { code, stdout, stderr } = await run(`${leave('{}')} setTimeout(() => auth.close({ timeoutMs: 10 }), 300);`, {
      config: configOf(double, { webhook: true }),
    });
    assert.equal(code, 0);
    assert.equal(stdout, 'done\n{"pending":0,"delivered":0,"failed":2}\n');
    assert.equal(stderr.match(/ANALYTICS_UNDELIVERED/g).length, 1, stderr);
  });

  test('also stays in a worker thread', async (t) => {
    const double = await startDouble(t);
    double.next('webhook', { status: 503, headers: { 'Retry-After': '1' } });
    const { code, stdout, stderr } = await run(
      `
        const { Worker } = require('node:worker_threads');
        const source = \`
          const pkg = require(process.env.PACKAGE_ROOT);
          const config = JSON.parse(process.env.CONFIG);
          const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
          auth.authenticateGuest({ email: 'a@example.com', consent: true, channelId: 'web' });
        \`;
        new Worker(source, { eval: true }).on('exit', (code) => console.log('worker', code));
      `,
      { config: configOf(double, { webhook: true }) },
    );
    assert.deepEqual([code, stdout, stderr], [0, 'worker 0\n', '']);
    assert.equal(double.of('webhook').length, 2);
  });
});

describe('loading the package', () => {
  /** What loading, and what constructing starts: threads, timers, handles. */
  const OBSERVE = `
    'use strict';
    const { readdirSync } = require('node:fs');
    const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);
    const started = [];
    require('node:async_hooks').createHook({ init: (id, type) => started.push(type) }).enable();
    const before = { threads: threads(), resources: process.getActiveResourcesInfo().length };
    const report = (what) => {
      const timers = started.filter((type) => /Timeout|Immediate/.test(type)).length;
      const more = threads() - before.threads;
      process.stdout.write(JSON.stringify({ what, timers, threads: more }) + '\\n');
    };
    const config = JSON.parse(process.env.CONFIG);
    const pkg = require(process.env.PACKAGE_ROOT);
    report('loaded');
    const auth = new pkg.GuestAuthenticator(config);
    const others = [new pkg.OAuthManager(config), new pkg.DuplicateSessionGuard()];
    others.push(new pkg.GuestTokenManager('acme', async () => 'token'), new pkg.GuestContextEnricher('', '', () => {}));
    others[1].checkDuplicate(auth.getSessionKey('a@example.com', 'web'), 'guest');
    pkg.GuestRequestSchema.safeParse({});
    auth.metrics();
    report('constructed');
  `;

  test('starts no thread and no timer, and neither does a constructor', async (t) => {
    const double = await startDouble(t);
    const { code, stdout, stderr } = await run('', { prelude: OBSERVE, config: configOf(double, { webhook: true }) });
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(stdout.trim().split('\n').map(JSON.parse), [
      { what: 'loaded', timers: 0, threads: 0 },
      { what: 'constructed', timers: 0, threads: 0 },
    ]);
    assert.equal(double.sockets.size, 0);
  });

  test('works again, in one process, by require and by import', async (t) => {
    const double = await startDouble(t);
    const { code, stdout, stderr } = await run(
      `
        const { pathToFileURL } = require('node:url');
        const { join } = require('node:path');
        (async () => {
          const packages = [pkg];
          for (let i = 0; i < 3; i++) {
            for (const path of Object.keys(require.cache)) delete require.cache[path];
            packages.push(require(process.env.PACKAGE_ROOT));
          }
          packages.push(await import(pathToFileURL(join(process.env.PACKAGE_ROOT, 'index.mjs')).href));
          console.log(new Set(packages.map(({ GuestAuthenticator }) => GuestAuthenticator)).size);
          const tokens = packages.map(({ OAuthManager }) => new OAuthManager(config).getAccessToken());
          console.log((await Promise.all(tokens)).length);
          const [first, second] = packages;
          console.log(new first.OAuthError('x') instanceof second.OAuthError);
        })();
      `,
      { config: configOf(double) },
    );
    assert.deepEqual([code, stdout, stderr], [0, '4\n5\ntrue\n', '']);
  });
});
