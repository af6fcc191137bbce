// One rate limit for many processes: what one learns from a 429 the others know.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startSandbox } from 'genesys-guest-auth/testing';
import { run } from '../helpers/children.mjs';
import { allSucceed } from '../helpers/redis/crowd.mjs';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { guest, pkg, until } from '../helpers/setup.mjs';

const PROCESSES = 8;
const CALLS = 250;
/** All calls together take nine seconds at this rate. */
const LIMIT = { route: 'create', rate: 200, burst: 200, retryAfter: 1 };
const MOST_WASTED = 0.1;

/** Longer than the other process takes to begin its call on a busy machine. */
const RETRY_AFTER_S = 3;
/** Long enough for it to ask Redis again and wait for the answer. */
const QUIET_MS = 1000;

describe('one rate limit for many processes', needsRedis, () => {
  let sandbox;

  before(async () => {
    sandbox = await startSandbox({ logCapacity: 1000 });
  });

  after(() => sandbox.close());

  async function configFor(t) {
    const redis = await startServer(t);
    return {
      ...sandbox.config({ analyticsWebhookUrl: undefined, crmBaseUrl: undefined }),
      sessionStore: { redis: { url: redis.url } },
    };
  }

  test('8 processes under one limit waste at most 10 % of their requests, and none of their calls fails', async (t) => {
    await sandbox.reset();
    await sandbox.limit(LIMIT);
    const config = await configFor(t);
    await allSucceed(config, PROCESSES, CALLS);
    const { total, byStatus } = (await sandbox.counts()).routes.create;
    assert.equal(total - byStatus[429], PROCESSES * CALLS);
    const wasted = byStatus[429] / total;
    t.diagnostic(`${byStatus[429]} of ${total} requests were answered 429`);
    assert.ok(wasted > 0 && wasted <= MOST_WASTED);
  });

  test('a 429 seen by one process pauses another one that saw none', async (t) => {
    await sandbox.reset();
    const own = await configFor(t);
    const one = new pkg.GuestAuthenticator({ ...own, auditLogCallback: () => {} });
    t.after(() => one.close());
    let other;
    const ended = run(
      `
      const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
      const call = (email) => auth.authenticateGuest(guest({ email }));
      call('first@example.com').then(() => console.log('ready'));
      process.stdin.once('data', () => call('second@example.com').then(() => auth.close()));`,
      {
        config: own,
        onStart: (child) => {
          other = child;
        },
      },
    );
    await once(other.stdout, 'data');
    await delay(QUIET_MS);
    await sandbox.clearLog();
    await sandbox.fault({ route: 'create', status: 429, headers: { 'retry-after': RETRY_AFTER_S } });
    const first = one.authenticateGuest(guest());
    await until(() => one.metrics().throttled === 1, 'the 429 has come');
    other.stdin.end('go');
    const { code, stderr } = await ended;
    assert.equal(code, 0, stderr);
    await first;
    const creations = (await sandbox.log()).filter(({ route }) => route === 'create');
    assert.deepEqual(creations.map(({ status }) => status).sort(), [200, 200, 429]);
    const [refused, ...accepted] = creations;
    for (const { tMs } of accepted)
      assert.ok(tMs - refused.tMs >= RETRY_AFTER_S * 1000 - 50, `${tMs - refused.tMs} ms`);
  });
});
