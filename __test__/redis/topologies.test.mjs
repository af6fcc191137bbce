// Sessions on one server, with TLS, under sentinels and on a cluster; and what happens when a primary dies.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeAuthority } from '../helpers/certificates.mjs';
import { startCluster, startSentinels } from '../helpers/redis/groups.mjs';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { overTls, PLAIN, startServer, startServerOver } from '../helpers/redis/server.mjs';
import { creationRuns, isDuplicate, isRefused, livesThrough, recovers, share } from '../helpers/redis/shared.mjs';
import { guest, until, warningsOf } from '../helpers/setup.mjs';

/** Spread over all primaries of a cluster. */
const GUESTS = 40;

/** All that the package asks of a server. */
const COMMANDS = '+get +set +del +pttl +eval +evalsha +time +hgetall +hset +pexpire';
const ACL = `user app on >app-pass resetkeys ~genesys-guest-auth:* -@all ${COMMANDS}`;
const asApp = ({ port }) => ({ url: `redis://app:app-pass@127.0.0.1:${port}` });
/** Only the rate limit needs these. */
const FORBIDDEN = '-time -hgetall -hset -pexpire';

describe('sessions on Redis', needsRedis, () => {
  test('live through with an ACL user who may do no more than is needed', async (t) => {
    const server = await startServer(t, ACL);
    const { sandbox, open } = await share(t);
    const store = asApp(server);
    await livesThrough(sandbox, open(store), open(store));
    await until(async () => (await server.keys('gate')).length === 1, 'the rate limit is shared');
    assert.doesNotMatch(await server.ask('INFO', 'errorstats'), /NOPERM/);
  });

  test('live through without the shared rate limit where the ACL user may not have it, and a warning tells of that', async (t) => {
    const server = await startServer(t, `${ACL} ${FORBIDDEN}`);
    const { sandbox, open } = await share(t);
    const store = asApp(server);
    const warnings = warningsOf(t);
    const one = open(store);
    await livesThrough(sandbox, one, open(store));
    await until(() => warnings.length === 2, 'each of the two has told');
    for (const { code, message } of warnings) {
      assert.equal(code, 'SESSION_STORE');
      assert.match(message, /The rate limit is not shared/);
      assert.doesNotMatch(message, /app-pass/);
    }
    assert.deepEqual(await server.keys('gate'), []);
    assert.equal(one.metrics().store.failures, 0);
  });

  test('have their connection before the first call', async (t) => {
    const server = await startServer(t, ACL);
    const { open } = await share(t);
    const auth = open(asApp(server));
    assert.ok(auth.metrics().store.available);
    await until(async () => /user=app /.test(await server.ask('CLIENT', 'LIST')), 'it is logged in');
    await auth.close();
    await until(async () => !/user=app /.test(await server.ask('CLIENT', 'LIST')), 'it has gone');
  });

  test('live through with TLS, a private authority and a client certificate', async (t) => {
    const [authority, stranger] = [makeAuthority(), makeAuthority()];
    t.after(authority.remove);
    t.after(stranger.remove);
    const transport = overTls(t, authority);
    const { url } = await startServerOver(t, transport);
    const { sandbox, open } = await share(t);
    await livesThrough(sandbox, open({ url, ...transport.store }), open({ url, ...transport.store }));
    const { ca, cert, key } = authority;
    await isRefused(open({ url, tls: { ca } }));
    await isRefused(open({ url, tls: { ca, cert: stranger.cert, key: stranger.key } }));
    await isRefused(open({ url, tls: { cert, key } }));
  });

  for (const [manner, transportFor] of [
    ['', () => PLAIN],
    [' with TLS', secured],
  ]) {
    test(`live through under sentinels${manner}, and a killed primary`, async (t) => {
      const { primary, store } = await startSentinels(t, transportFor(t));
      const { sandbox, open } = await share(t);
      const [one, other] = [open(store), open(store)];
      await livesThrough(sandbox, one, other);
      const lost = await primary();
      await outlives(sandbox, one, other, lost, [lost]);
      assert.notEqual(await primary(), lost);
    });

    test(`live through on a cluster${manner}, and a killed primary`, async (t) => {
      const { primaries, store } = await startCluster(t, transportFor(t));
      const { sandbox, open } = await share(t);
      const [one, other] = [open(store), open(store)];
      await livesThrough(sandbox, one, other);
      const all = await primaries();
      await outlives(sandbox, one, other, all[0], all);
      const left = await primaries();
      assert.ok(left.length === all.length && !left.includes(all[0]));
    });
  }
});

function secured(t) {
  const authority = makeAuthority();
  t.after(authority.remove);
  return overTls(t, authority);
}

/** A primary is killed while sessions live on it and calls run: nothing is granted twice, nothing is held for ever. */
async function outlives(sandbox, one, other, lost, primaries) {
  const living = Array.from({ length: GUESTS }, () => guest());
  await Promise.all(living.map((payload) => one.authenticateGuest(payload)));
  // What a replica has not got yet may be granted again; here all of them have it.
  await Promise.all(primaries.map((server) => server.isCopied()));
  assert.ok((await lost.keys('s')).length > 0, 'it must hold some of the sessions');

  const running = Array.from({ length: GUESTS }, () => guest());
  // They end after the primary: a session that it alone has taken would be lost with it.
  await sandbox.fault({ route: 'create', delayMs: 1000, count: GUESTS });
  const calls = Promise.all(running.map((payload) => one.authenticateGuest(payload)));
  await creationRuns(sandbox);
  await until(() => one.metrics().liveSessions === GUESTS, 'all of them hold their keys');
  await lost.kill();
  await calls;

  // Both come back by themselves, and each call meanwhile ends in time.
  const meanwhile = Array.from({ length: GUESTS }, () => guest());
  await Promise.all(meanwhile.map((payload, i) => recovers(i % 2 === 0 ? one : other, payload)));
  await until(() => one.metrics().liveSessions === 0, 'sessions of that time are told');
  for (const payload of [...living, ...running, ...meanwhile]) await isDuplicate(other, payload);
  assert.ok(one.metrics().store.available && other.metrics().store.available);
}
