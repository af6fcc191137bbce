// How many connections there are: `maxConnections`, in each role.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { configOf, failure, guest, pkg, setup, startDouble, until } from '../helpers/setup.mjs';

/** The most connections that a double has had at once. */
function peakOf(double) {
  const peak = { connections: 0 };
  const { add } = double.sockets;
  double.sockets.add = (socket) => {
    add.call(double.sockets, socket);
    peak.connections = Math.max(peak.connections, double.sockets.size);
  };
  return peak;
}

/** Guests at once, each of whom needs login and API, CRM and webhook, which are servers of their own. */
async function crowd(t, { calls, ...config }) {
  const doubles = { api: await startDouble(t), crm: await startDouble(t), webhook: await startDouble(t) };
  const { api, crm, webhook } = doubles;
  const auth = new pkg.GuestAuthenticator({
    ...configOf(api),
    crmBaseUrl: `${crm.url}/crm`,
    analyticsWebhookUrl: `${webhook.url}/hook`,
    maxConcurrency: calls,
    timeouts: { crmMs: 20_000 },
    auditLogCallback: () => {},
    ...config,
  });
  t.after(() => auth.close({ timeoutMs: 0 }));
  const peaks = Object.values(doubles).map(peakOf);
  const held = [crm.hold('crm'), webhook.hold('webhook')];
  const release = () => {
    for (const one of held) one.release();
  };
  const all = Promise.all(Array.from({ length: calls }, () => auth.authenticateGuest(guest())));
  return { ...doubles, auth, peaks, all, release };
}

/** One that is being opened while another becomes free is opened all the same: a few more, while a crowd arrives. */
const OVER = 1 / 8;

describe('maxConnections', () => {
  const limits = { 'is 256 by default': [{}, 512, 256], 'can be set': [{ maxConnections: 8 }, 64, 8] };
  for (const [what, [config, calls, most]] of Object.entries(limits)) {
    test(`${what}: ${calls} calls at once open no more in each role`, async (t) => {
      const { api, crm, webhook, auth, peaks, all, release } = await crowd(t, { calls, ...config });
      await Promise.all([api.arrival('create', calls), crm.arrival('crm', most)]);
      release();
      await all;
      await auth.flush();
      assert.equal(crm.of('crm').length, calls);
      assert.equal(webhook.of('webhook').length, calls);
      for (const { connections } of peaks) assert.ok(connections <= most * (1 + OVER), `${connections} connections`);
      assert.equal(auth.metrics().crmFailures, 0);
    });
  }

  test('lets further requests wait in order, and not at the cost of their own limit', async (t) => {
    const { double, auth } = await setup(t, { maxConnections: 1, maxRetries: 0, timeouts: { guestMs: 400 } });
    const emails = Array.from({ length: 10 }, (_, i) => `in-order-${i}@example.com`);
    double.always('create', async ({ json }) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return { body: double.guest(json) };
    });
    await Promise.all(emails.map((email) => auth.authenticateGuest(guest({ email }))));
    assert.deepEqual(
      double.of('create').map(({ json }) => json.email),
      emails,
    );
  });

  test('lets them wait no longer than a call may take', async (t) => {
    const { double, auth } = await setup(t, { maxConnections: 1, timeouts: { totalMs: 600 } });
    const held = double.hold('create');
    const first = failure(auth.authenticateGuest(guest()), pkg.TimeoutError, 'TIMEOUT');
    await double.arrival('create');
    await failure(auth.authenticateGuest(guest()), pkg.TimeoutError, 'TIMEOUT');
    await first;
    held.release();
    assert.equal(double.of('create').length, 1, 'the second was not sent');
    await auth.authenticateGuest(guest());
  });

  test('gives its place back when a call is aborted', async (t) => {
    const { double, auth } = await setup(t, { maxConnections: 1 });
    const held = double.hold('create');
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => auth.authenticateGuest(guest(), { signal }));
    const settled = Promise.allSettled(calls);
    await double.arrival('create');
    for (const controller of controllers) controller.abort();
    await settled;
    held.release();
    await auth.authenticateGuest(guest());
  });

  test('does not hold over HTTP/2, where one connection carries all', async (t) => {
    const sandbox = await startSandbox({ tls: true });
    t.after(() => sandbox.close());
    const config = sandbox.config({ maxConnections: 1, crmBaseUrl: undefined, analyticsWebhookUrl: undefined });
    const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
    t.after(() => auth.close({ timeoutMs: 0 }));
    await auth.authenticateGuest(guest());
    await sandbox.latency({ create: 300 });
    const all = Promise.all(Array.from({ length: 16 }, () => auth.authenticateGuest(guest())));
    await until(async () => (await sandbox.counts()).routes.create.peakInFlight === 16, 'all are there at once');
    await all;
    assert.equal((await sandbox.counts()).connections.opened, 1);
  });

  test('is a whole number from 1', () => {
    const config = { environment: 'acme', clientId: 'id', clientSecret: 'secret' };
    for (const maxConnections of [0, -1, 1.5, '8', 65_536, Number.NaN]) {
      assert.throws(() => new pkg.GuestAuthenticator({ ...config, maxConnections }), pkg.GuestConfigError);
    }
  });
});
