// Ten thousand guests in a row through one instance: none fails, one access token serves them all, and memory stays what it
// was after the first two thousand.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { run } from '../helpers/children.mjs';

const GUESTS = 10_000;
const SETTLED_AFTER = 2000;
const MEBIBYTE = 1024 * 1024;

/** What 8,000 live sessions and some 2,000 remembered guests may take, and what an allocator keeps for itself. */
const MOST_GROWTH = 10 * MEBIBYTE;

let sandbox;
before(async () => {
  sandbox = await startSandbox({ log: false, conflicts: true });
});
after(() => sandbox.close());

/** Authenticates the guests one after the other, and measures on the way. */
const SOAK = `
  const payload = (i) => ({
    email: 'guest-' + i + '@example.com',
    consent: true,
    channelId: 'channel-' + (i % 3),
    name: 'Guest ' + i,
    attributes: { number: i, cart: [{ id: i, price: 1.5 }], note: 'x'.repeat(i % 200) },
  });
  let audits = 0;
  const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => audits++ });
  const measure = async () => {
    await auth.flush();
    for (let i = 0; i < 3; i++) {
      global.gc();
      await new Promise(setImmediate);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heapUsed, external };
  };
  (async () => {
    const measured = {};
    const failures = [];
    for (let i = 1; i <= ${GUESTS}; i++) {
      try {
        const { guestData } = await auth.authenticateGuest(payload(i));
        if (guestData.email !== payload(i).email) failures.push(guestData.email);
      } catch (error) {
        failures.push(error.message);
      }
      if (i % 2000 === 0) measured[i] = await measure();
    }
    console.log(JSON.stringify({ measured, failures: failures.slice(0, 5), audits, metrics: auth.metrics() }));
  })();
`;

describe(`${GUESTS} guests in a row`, () => {
  let outcome;
  before(async () => {
    const { code, stdout, stderr } = await run(SOAK, {
      config: sandbox.config(),
      execArgv: ['--expose-gc'],
      limitMs: 180_000,
    });
    assert.deepEqual([code, stderr], [0, '']);
    outcome = JSON.parse(stdout);
  });

  test('are all authenticated, audited and reported', async () => {
    assert.deepEqual(outcome.failures, []);
    assert.equal(outcome.audits, GUESTS);
    const { authenticated, failed, retries, crmFailures, enrichmentFailures, liveSessions, analytics } =
      outcome.metrics;
    assert.deepEqual(
      { authenticated, failed, retries, crmFailures, enrichmentFailures, liveSessions, analytics },
      {
        authenticated: GUESTS,
        failed: {},
        retries: 0,
        crmFailures: 0,
        enrichmentFailures: 0,
        liveSessions: GUESTS,
        analytics: { pending: 0, delivered: GUESTS, failed: 0 },
      },
    );
  });

  test('take one access token and one request of each kind for each', async () => {
    const { routes } = await sandbox.counts();
    const total = (route) => routes[route].total;
    assert.equal(total('token'), 1);
    for (const route of ['create', 'crm', 'attributes', 'webhook']) assert.equal(total(route), GUESTS, route);
    assert.equal(outcome.metrics.oauthRequests, 1);
  });

  test('leave the memory flat after the first two thousand', () => {
    const { measured } = outcome;
    const start = measured[SETTLED_AFTER];
    const end = measured[GUESTS];
    const shown = JSON.stringify(measured);
    assert.ok(end.rss - start.rss < MOST_GROWTH, `RSS grew: ${shown}`);
    assert.ok(end.heapUsed - start.heapUsed < MEBIBYTE, `the heap grew: ${shown}`);
    assert.ok(end.external - start.external < MEBIBYTE, `external memory grew: ${shown}`);
    // The last two thousand cost no more than the allocator's noise.
    assert.ok(end.rss - measured[GUESTS - 2000].rss < 4 * MEBIBYTE, `RSS grows: ${shown}`);
  });
});
