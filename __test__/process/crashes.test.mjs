// The end may come at any moment: a worker is terminated, a process exits, with calls in every stage. None may crash.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, startDouble } from '../helpers/setup.mjs';

const TIMES = 200;
const AT_ONCE = 2;

/** Calls of every kind, again and again, as fast as they go. */
const FLOOD = `
  const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {}, outbox: { lingerMs: 0 } });
  const manager = new pkg.GuestTokenManager(config.environment, async () => 'token');
  let number = 0;
  const flood = async () => {
    for (;;) {
      const email = 'guest-' + ++number + '@example.com';
      const controller = new AbortController();
      const call = auth.authenticateGuest(guest({ email }), { signal: controller.signal });
      if (number % 3 === 0) controller.abort();
      await Promise.allSettled([call, auth.rotateRefreshToken('token-' + number), auth.invalidateSession(email + '::web')]);
      if (number % 5 === 0) auth.flush();
      if (number % 7 === 0) await manager.createGuestSession(guest({ email })).catch(() => {});
    }
  };
  for (let i = 0; i < 8; i++) flood();
`;

/** Moments that are spread over the first calls, the same ones in every run. */
const moment = (i) => (i * 37) % 45;

describe('at any moment', () => {
  test(`process.exit() ends a process, ${TIMES} times`, async (t) => {
    const double = await startDouble(t);
    const config = configOf(double, { crm: true, webhook: true });
    const outcomes = [];
    let next = 0;
    const lane = async () => {
      while (next < TIMES) {
        const i = next++;
        const exits = [
          `setTimeout(() => process.exit(3), ${moment(i)});`,
          `auth.getAccessToken().then(() => setTimeout(() => process.exit(3), ${moment(i) / 9}));`,
          `auth.warmUp().then(() => setImmediate(() => process.exit(3)));`,
          `auth.authenticateGuest(guest()).finally(() => process.nextTick(() => process.exit(3)));`,
        ];
        const { code, signal, stderr } = await run(FLOOD + exits[i % exits.length], { config });
        outcomes.push({ code, signal, stderr });
        if (double.exchanges.length > 10_000) double.exchanges.length = 0;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const crashes = outcomes.filter(({ code, signal, stderr }) => code !== 3 || signal !== null || stderr !== '');
    assert.deepEqual(crashes, []);
    assert.equal(outcomes.length, TIMES);
  });

  // The thread that loads the package first may be one that ends.
  for (const first of ['main', 'a worker']) {
    test(`worker.terminate() ends a thread, ${TIMES} times, when ${first} has loaded the package first`, async (t) => {
      const double = await startDouble(t);
      const config = configOf(double, { crm: true, webhook: true });
      const forget = setInterval(() => {
        double.exchanges.length = 0;
      }, 100);
      t.after(() => clearInterval(forget));
      const { code, signal, stdout, stderr } = await run(
        `
        const { Worker } = require('node:worker_threads');
        const { readdirSync } = require('node:fs');
        const source = \`
          'use strict';
          const pkg = require(process.env.PACKAGE_ROOT);
          const config = JSON.parse(process.env.CONFIG);
          const guest = (changes) => ({ email: 'guest@example.com', consent: true, channelId: 'web', ...changes });
          \${process.env.FLOOD}
          auth.getAccessToken().then(() => require('node:worker_threads').parentPort.postMessage('busy'));
        \`;
        const config = JSON.parse(process.env.CONFIG);
        const load = () => new (require(process.env.PACKAGE_ROOT).OAuthManager)(config);
        const early = ${first === 'main'} ? load() : undefined;
        const once = async (i) => {
          const worker = new Worker(source, { eval: true });
          const ended = new Promise((resolve) => worker.once('exit', resolve));
          worker.on('error', (error) => {
            throw error;
          });
          if (i % 2 === 0) await new Promise((resolve) => worker.once('message', resolve));
          else await new Promise((resolve) => worker.once('online', resolve));
          await new Promise((resolve) => setTimeout(resolve, (i * 37) % 45));
          await worker.terminate();
          await ended;
        };
        (async () => {
          let next = 0;
          const lane = async () => {
            while (next < ${TIMES}) await once(next++);
          };
          await Promise.all([lane(), lane()]);
          await (early ?? load()).getAccessToken();
          console.log('done', next);
          if (process.platform === 'linux') console.log(readdirSync('/proc/self/task').length < 30);
        })();
      `,
        { config, env: { FLOOD }, limitMs: 120_000, prelude: "'use strict';" },
      );
      assert.deepEqual([code, signal, stderr], [0, null, '']);
      assert.match(stdout, new RegExp(`^done ${TIMES}\\n(true\\n)?$`));
    });
  }
});
