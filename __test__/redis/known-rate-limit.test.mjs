// A rate limit that is known: no process sends what the server would refuse, and together they use all of it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { allSucceed } from '../helpers/redis/crowd.mjs';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';

const PROCESSES = 8;
const CALLS = 50;
/** All calls together take three periods, and the beginning of a fourth. */
const RATE_LIMIT = { requests: 100, perMs: 1000 };

describe('one known rate limit for many processes', needsRedis, () => {
  for (const fixed of [false, true]) {
    test(`no request is refused where the server's period ${fixed ? 'is fixed' : 'slides'}`, async (t) => {
      const sandbox = await startSandbox({ logCapacity: 1000 });
      t.after(() => sandbox.close());
      await sandbox.settings({ tokenLimit: { ...RATE_LIMIT, fixed } });
      const redis = await startServer(t);
      const config = {
        ...sandbox.config({ analyticsWebhookUrl: undefined, crmBaseUrl: undefined }),
        sessionStore: { redis: { url: redis.url } },
        rateLimit: RATE_LIMIT,
      };
      await allSucceed(config, PROCESSES, CALLS);
      const { total, byStatus } = (await sandbox.counts()).routes.create;
      assert.equal(byStatus[429] ?? 0, 0);
      assert.equal(total, PROCESSES * CALLS);
      const times = (await sandbox.log()).filter(({ route }) => route === 'create').map(({ tMs }) => tMs);
      const tookMs = Math.max(...times) - Math.min(...times);
      t.diagnostic(`${total} requests in ${Math.round(tookMs)} ms`);
    });
  }
});
