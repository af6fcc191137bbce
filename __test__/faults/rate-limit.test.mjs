// What a rate limit costs, found out or known. Times are the business of `bench/experiments/rate-limit.mjs`.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { failure, guest, pkg } from '../helpers/setup.mjs';

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

describe('within a known limit', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox({ log: false });
  });
  after(() => sandbox.close());

  const open = (config) =>
    new pkg.GuestAuthenticator(
      sandbox.config({ analyticsWebhookUrl: undefined, auditLogCallback: () => {}, ...config }),
    );

  test('no request is refused, whatever it is for', async () => {
    const rateLimit = { requests: 50, perMs: 500 };
    await sandbox.reset();
    await sandbox.settings({ tokenLimit: rateLimit });
    const auth = open({ rateLimit });
    await Promise.all(Array.from({ length: 100 }, () => auth.authenticateGuest(guest())));
    const { create, attributes } = (await sandbox.counts()).routes;
    await auth.close();
    assert.deepEqual([create.byStatus, attributes.byStatus], [{ 200: 100 }, { 200: 100 }]);
  });

  test('a call that would have to wait for too long fails at once, and can be made later', async () => {
    const rateLimit = { requests: 1, perMs: 60_000 };
    await sandbox.reset();
    await sandbox.settings({ tokenLimit: rateLimit });
    const auth = open({ rateLimit, crmBaseUrl: undefined, timeouts: { totalMs: 30_000 } });
    await auth.authenticateGuest(guest());
    const error = await failure(auth.authenticateGuest(guest()), pkg.RateLimitedError, 'RATE_LIMITED');
    assert.ok(error.retryable && error.retryAfterMs > 30_000 && error.retryAfterMs <= 60_100, `${error.retryAfterMs}`);
    assert.match(error.message, /was not sent: the rate limit leaves no request for another \d+ ms/);
    assert.equal((await sandbox.counts()).routes.create.total, 1);
    await auth.close();
  });

  test('a waiting call that is aborted leaves its place to the next', async () => {
    const rateLimit = { requests: 1, perMs: 1000 };
    await sandbox.reset();
    const auth = open({ rateLimit, crmBaseUrl: undefined });
    await auth.authenticateGuest(guest());
    const controller = new AbortController();
    const aborted = auth.authenticateGuest(guest(), { signal: controller.signal });
    const next = auth.authenticateGuest(guest());
    const reason = new Error('enough');
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    await next;
    assert.equal((await sandbox.counts()).routes.create.total, 2);
    await auth.close();
  });
});
