// Connections that wait for the next request and have been ended meanwhile: what was over before the call costs no guest.

import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { Pool } from 'undici';
import { Double } from '../helpers/double.mjs';
import { startFleeting } from '../helpers/fronts/fleeting.mjs';
import { configOf, guest, pkg, setup, until } from '../helpers/setup.mjs';

const CALLS = 16;
const ROUNDS = 60;

/** Calls at once; those that failed. */
async function failures(auth, count = CALLS) {
  const calls = await Promise.allSettled(Array.from({ length: count }, () => auth.authenticateGuest(guest())));
  return calls.filter(({ status }) => status === 'rejected').map(({ reason }) => String(reason.cause ?? reason));
}

describe('connections that ended before the call', () => {
  const ends = { 'a FIN': (socket) => socket.destroy(), 'an RST': (socket) => socket.resetAndDestroy() };
  for (const [what, end] of Object.entries(ends)) {
    test(`by ${what}: no guest and no profile is lost`, async (t) => {
      const { double, auth } = await setup(t, { crm: true });
      for (let round = 0; round < ROUNDS; round++) {
        assert.deepEqual(await failures(auth), [], `round ${round}`);
        assert.ok(double.sockets.size >= CALLS, 'there are connections to end');
        for (const socket of [...double.sockets]) end(socket);
      }
      assert.deepEqual(await failures(auth), []);
      assert.equal(auth.metrics().crmFailures, 0);
    });
  }

  test('because the server was started again: no guest is lost', async (t) => {
    const server = http.createServer();
    const double = await Double.start(server);
    t.after(() => double.close());
    const { port } = server.address();
    const auth = new pkg.GuestAuthenticator({ ...configOf(double), auditLogCallback: () => {} });
    t.after(() => auth.close({ timeoutMs: 0 }));
    for (let round = 0; round < ROUNDS; round++) {
      assert.deepEqual(await failures(auth), [], `round ${round}`);
      await new Promise((resolve) => {
        server.close(resolve);
        for (const socket of [...double.sockets]) socket.destroy();
      });
      await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    }
    assert.deepEqual(await failures(auth), []);
  });
});

describe('a server that ends unused connections', { concurrency: true }, () => {
  /** What it announces, and after how many seconds it ends them. Node's server does so after five, when it is not told otherwise. */
  const announcements = [
    ['timeout=2', 2],
    ['max=100, Timeout=2', 2],
    ['timeout=2, max=1000', 2],
    [undefined, 5],
  ];
  for (const [header, seconds] of announcements) {
    test(`after ${seconds} s and announces ${header ?? 'nothing'} is asked on others by then`, async (t) => {
      const double = await Double.start(http.createServer({ keepAliveTimeout: 60_000 }));
      t.after(() => double.close());
      const auth = new pkg.GuestAuthenticator({ ...configOf(double), auditLogCallback: () => {} });
      t.after(() => auth.close({ timeoutMs: 0 }));
      const answered = new WeakMap();
      double.always('create', ({ response, socket, json }) => {
        const since = answered.get(socket);
        // What comes later meets a connection that is not there any more.
        if (since !== undefined && performance.now() - since >= seconds * 1000) return socket.resetAndDestroy();
        response.once('finish', () => answered.set(socket, performance.now()));
        // A header of ours keeps Node from announcing its own limit.
        const headers = { Connection: 'keep-alive', ...(header && { 'Keep-Alive': header }) };
        return { headers, body: double.guest(json) };
      });
      // The first answer may tell the client to begin anew.
      assert.deepEqual(await failures(auth, 1), []);
      assert.deepEqual(await failures(auth), []);
      const { size } = double.sockets;
      const end = performance.now() + seconds * 1000;
      await until(() => performance.now() >= end, 'its time is over');
      assert.deepEqual(await failures(auth), []);
      assert.ok(size > 0, 'connections were kept');
    });
  }
});

describe('a server that ends each connection half a millisecond after its answer, without a word', () => {
  const GUESTS = 200;

  /** One after another; how many were lost. */
  async function lost(once) {
    let count = 0;
    for (let i = 0; i < GUESTS; i++) await once().catch(() => ++count);
    return count;
  }

  test('costs one guest at most: its connections are used once from then on', async (t) => {
    const server = await startFleeting(t);
    const auth = new pkg.GuestAuthenticator({ ...configOf(server), auditLogCallback: () => {} });
    t.after(() => auth.close({ timeoutMs: 0 }));
    const ours = await lost(() => auth.authenticateGuest(guest()));
    const undici = new Pool(server.url, { connections: 1 });
    t.after(() => undici.destroy());
    const theirs = await lost(async () => {
      const request = { method: 'POST', path: '/api/v2/engagements/guests', body: JSON.stringify(guest()) };
      await (await undici.request(request)).body.json();
    });
    t.diagnostic(JSON.stringify({ ours, theirs }));
    assert.ok(theirs > 1, 'the server is one that costs guests');
    assert.ok(ours <= 1, `${ours} of ${GUESTS} lost`);
  });
});
