// A path that dies without a sign: open connections stay open and carry nothing any more; new connections work.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { failure, guest, pkg, until } from '../helpers/setup.mjs';
import { startTcpProxy } from '../helpers/tcp-proxy.mjs';

const CALLS = 16;

/** The client asks for a sign of life every few seconds, and waits as long for it. */
const PING_LIMIT_MS = 30_000;

describe('a path that died', { concurrency: true }, () => {
  const sandboxes = {};
  before(async () => {
    sandboxes['HTTP/2'] = await startSandbox({ tls: true });
    sandboxes['HTTP/1.1'] = await startSandbox();
  });
  after(() => Promise.all(Object.values(sandboxes).map((sandbox) => sandbox.close())));

  /** An instance that has connections which the path then swallows. */
  async function stranded(t, sandbox, timeouts) {
    const relay = await startTcpProxy(t, new URL(sandbox.url).port);
    const url = sandbox.url.replace(/\d+$/, relay.port);
    const auth = new pkg.GuestAuthenticator({
      ...sandbox.config({ environment: url, crmBaseUrl: `${url}/crm`, analyticsWebhookUrl: undefined }),
      tokenSigningKey: `${sandbox.url}-guest-signing-key`,
      auditLogCallback: () => {},
      timeouts,
    });
    t.after(() => auth.close({ timeoutMs: 0 }));
    const many = () => Promise.all(Array.from({ length: CALLS }, () => auth.authenticateGuest(guest())));
    await many();
    const connections = relay.pairs.size;
    assert.ok(connections >= (sandbox.ca ? 1 : CALLS), `${connections} connections`);
    relay.swallow();
    return { auth, relay, many };
  }

  for (const protocol of ['HTTP/2', 'HTTP/1.1']) {
    test(`over ${protocol} costs one time-out, and no call after it`, async (t) => {
      const limits = { guestMs: 700, crmMs: 700 };
      const { auth, many } = await stranded(t, sandboxes[protocol], limits);
      await failure(auth.authenticateGuest(guest()), pkg.TimeoutError, 'TIMEOUT');
      // The look-up may have timed out with the creation, or have ended with it.
      const { crmFailures } = auth.metrics();
      await many();
      assert.equal(auth.metrics().crmFailures, crmFailures);
    });
  }

  test('over HTTP/2 is noticed while nobody calls', async (t) => {
    const { auth, relay, many } = await stranded(t, sandboxes['HTTP/2']);
    await until(
      () => relay.pairs.size === 0,
      'the client leaves a connection that gives no sign of life',
      PING_LIMIT_MS,
    );
    await many();
    assert.equal(auth.metrics().crmFailures, 0);
  });

  test('over HTTP/2 is noticed before a call has waited for all its time', async (t) => {
    const { auth, many } = await stranded(t, sandboxes['HTTP/2'], {
      guestMs: PING_LIMIT_MS,
      totalMs: 2 * PING_LIMIT_MS,
    });
    await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    await many();
  });
});
