// The counts behind `bench/experiments/rate-limit.mjs`; times are the benchmark's business.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { guest, pkg } from '../helpers/setup.mjs';

/** Creations a second, and as many at once. */
const LIMIT = { route: 'create', rate: 100, burst: 100, retryAfter: 1 };
const MOST_REFUSED = 0.08;

describe('against 100 creations a second', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox({ log: false });
  });
  after(() => sandbox.close());

  async function burst(calls, config) {
    await sandbox.reset();
    await sandbox.limit(LIMIT);
    const auth = new pkg.GuestAuthenticator(
      sandbox.config({ analyticsWebhookUrl: undefined, auditLogCallback: () => {}, ...config }),
    );
    const outcomes = await Promise.allSettled(Array.from({ length: calls }, () => auth.authenticateGuest(guest())));
    const { routes } = await sandbox.counts();
    await auth.close();
    return { failures: outcomes.filter(({ status }) => status === 'rejected'), ...routes };
  }

  for (const [what, config] of [
    ['without a CRM', { crmBaseUrl: undefined }],
    ['with a CRM and attributes', {}],
  ]) {
    test(`500 calls at once all succeed and waste little, ${what}`, async () => {
      const { failures, create, attributes } = await burst(500, config);
      assert.deepEqual(failures, []);
      const share = (create.byStatus[429] ?? 0) / create.total;
      assert.ok(share <= MOST_REFUSED, `${(share * 100).toFixed(1)} % of ${create.total} answered 429`);
      assert.equal(create.byStatus[200], 500);
      assert.equal(attributes.total, config.crmBaseUrl === undefined && 'crmBaseUrl' in config ? 0 : 500);
    });
  }

  test('a call that comes after a 429 is over does not wait for it', async () => {
    const auth = new pkg.GuestAuthenticator(
      sandbox.config({ analyticsWebhookUrl: undefined, crmBaseUrl: undefined, auditLogCallback: () => {} }),
    );
    await sandbox.reset();
    await sandbox.fault({ route: 'create', status: 429, headers: { 'retry-after': 0 } });
    await auth.authenticateGuest(guest());
    // At the slowest pace, a call every two seconds, these would take longer than their limit.
    const signal = AbortSignal.timeout(10_000);
    for (let i = 0; i < 50; i++) await auth.authenticateGuest(guest(), { signal });
    await auth.close();
  });
});
