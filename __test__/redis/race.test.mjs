// Several processes and one Redis: who wins a key, who may free it, and what an onlooker can read.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { PASSWORD, startServer } from '../helpers/redis/server.mjs';
import { configOf, creationRuns, isDuplicate, keyOf, recovers, share } from '../helpers/redis/shared.mjs';
import { Worker } from '../helpers/redis/workers.mjs';
import { failure, guest, pkg, until } from '../helpers/setup.mjs';

const KEYS = 10_000;
const RACERS = 4;
const SIDE_BY_SIDE = 100;

const COLD_PROCESSES = 8;
const COLD_CALLS = 500;

/** A reservation outlives its holder by five seconds; this is past its end. */
const OUTLIVED_MS = 6000;

describe('processes with one Redis', needsRedis, () => {
  test(`${RACERS} race for ${KEYS} keys, and each key has one winner`, async (t) => {
    const { url } = await startServer(t);
    // A server that does not refuse a second guest: nothing but the guard prevents him.
    const { sandbox } = await share(t, { conflicts: false, log: false });
    const config = configOf(sandbox, { url }, { analyticsWebhookUrl: undefined });
    const workers = await Worker.all(t, RACERS, config);
    const payloads = Array.from({ length: KEYS }, () => guest());
    const told = await Promise.all(workers.map((worker) => worker.authenticate(payloads, SIDE_BY_SIDE)));
    const winners = payloads.map((_, i) => told.filter(({ codes }) => codes[i] === 'won').length);
    const losers = payloads.map((_, i) => told.filter(({ codes }) => codes[i] === 'DUPLICATE_SESSION').length);
    assert.deepEqual(new Set(winners), new Set([1]));
    assert.deepEqual(new Set(losers), new Set([RACERS - 1]));
    assert.equal((await sandbox.counts()).routes.create.total, KEYS);
    t.diagnostic(`won: ${told.map(({ codes }) => codes.filter((code) => code === 'won').length)}`);
  });

  test(`${COLD_PROCESSES} × ${COLD_CALLS} cold calls make one OAuth request`, async (t) => {
    const { url } = await startServer(t);
    const { sandbox } = await share(t, { log: false });
    await sandbox.latency({ token: 300 });
    const workers = await Worker.all(t, COLD_PROCESSES, configOf(sandbox, { url }, { analyticsWebhookUrl: undefined }));
    const cold = (worker) => worker.authenticate(Array.from({ length: COLD_CALLS }, () => guest()));
    const told = await Promise.all(workers.map(cold));
    for (const { codes } of told) assert.deepEqual(new Set(codes), new Set(['won']));
    const { token, create } = (await sandbox.counts()).routes;
    assert.deepEqual([token.total, create.byStatus[200] ?? create.byStatus[201]], [1, COLD_PROCESSES * COLD_CALLS]);
  });

  test('a process that is killed in the middle of a call blocks its key for seconds', async (t) => {
    const server = await startServer(t);
    const { sandbox, open } = await share(t, { conflicts: false });
    const [auth, payload] = [open({ url: server.url }), guest()];
    const victim = await Worker.start(t, configOf(sandbox, { url: server.url }));
    await sandbox.fault({ route: 'create', delayMs: 60_000 });
    const lost = failure(victim.authenticate([payload]), Error);
    await creationRuns(sandbox);
    await isDuplicate(auth, payload);
    await victim.kill();
    await lost;
    const [key] = await server.keys('s');
    const left = Number(await server.ask('PTTL', key));
    assert.ok(left > 0 && left <= 5000, `${left} ms`);
    await recovers(auth, payload);
  });

  for (const status of [200, 400]) {
    test(`a process that slept does not free what another one took, after an answer ${status}`, async (t) => {
      const server = await startServer(t);
      const { sandbox, open } = await share(t, { conflicts: false });
      const [auth, payload] = [open({ url: server.url }), guest()];
      const sleeper = await Worker.start(t, configOf(sandbox, { url: server.url }));
      const fault = { route: 'create', delayMs: 2000 };
      await sandbox.fault(status === 200 ? fault : { ...fault, status });
      const slept = sleeper.authenticate([payload]);
      await creationRuns(sandbox);
      sleeper.signal('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, OUTLIVED_MS));
      await auth.authenticateGuest(payload);
      const [key] = await server.keys('s');
      const taken = await server.askBytes('GET', key);
      sleeper.signal('SIGCONT');
      const { codes } = await slept;
      assert.equal(codes[0], status === 200 ? 'won' : 'GUEST_CREATION_FAILED');
      // Its release, if there was one, was sent before the next call's reservation.
      await sleeper.authenticate([guest()]);
      assert.deepEqual(await server.askBytes('GET', key), taken);
      await isDuplicate(auth, payload);
    });
  }

  test('nothing in Redis tells who the guests are, or opens anything', async (t) => {
    const server = await startServer(t);
    const { sandbox, open } = await share(t);
    const changes = { clientId: 'canary-client-id', clientSecret: 'canary-client-secret' };
    const auth = open({ url: server.url }, changes);
    const canaries = [...Object.values(changes), await auth.getAccessToken(), PASSWORD, 'canary', '@', 'guestId'];
    const note = ({ guestData }) => {
      canaries.push(guestData.guestId, guestData.token, ...guestData.token.split('.'), guestData.refreshToken);
    };
    for (let i = 0; i < 20; i++) {
      const payload = guest({ email: `canary-${i}@example.com`, name: 'Canary', attributes: { note: 'canary' } });
      note(await auth.authenticateGuest(payload));
      if (i % 4 === 0) await auth.invalidateSession(keyOf(auth, payload));
      if (i % 4 === 1) await auth.rotateRefreshToken(canaries.at(-1)).then((token) => canaries.push(token));
    }
    await sandbox.fault({ route: 'create', delayMs: 60_000 });
    const running = failure(auth.authenticateGuest(guest({ email: 'canary-late@example.com' })), pkg.GuestAuthError);
    await creationRuns(sandbox);
    const kinds = new Set();
    for (const key of await server.keys()) {
      kinds.add(key.split(':')[1]);
      // The shared rate limit is a hash, which may be there by now.
      const command = (await server.ask('TYPE', key)) === 'hash' ? 'HGETALL' : 'GET';
      const read = Buffer.concat([Buffer.from(key), await server.askBytes(command, key)]);
      for (const canary of canaries.filter(Boolean)) {
        for (const text of [canary, Buffer.from(canary).toString('base64url'), Buffer.from(canary).toString('hex')]) {
          // A byte or two may be there by chance.
          if (text.length > 3) assert.ok(!read.includes(text), `${key} holds ${canary}`);
        }
      }
      assert.ok(Number(await server.ask('PTTL', key)) > 0, `${key} has an end`);
    }
    assert.ok(kinds.has('s') && kinds.has('g') && kinds.has('t'), `only ${[...kinds]}`);
    await auth.close({ timeoutMs: 0 });
    await running;
  });

  test('a changed, moved, cut or older value is refused, counted and replaced', async (t) => {
    const server = await startServer(t);
    const { sandbox, open } = await share(t);
    const first = open({ url: server.url });
    await first.authenticateGuest(guest());
    const [[token], [known]] = [await server.keys('t'), await server.keys('g')];
    const flip = (at) => `local v = redis.call('GET', KEYS[1])
      local i = ${at} % #v + 1
      return redis.call('SETRANGE', KEYS[1], i - 1, string.char(bit.bxor(string.byte(v, i), 1)))`;
    const damages = [
      // The version, the nonce, the text, the seal.
      ...[0, 1, 5, 12, 13, 40, -1, -16].map((at) => ['EVAL', flip(at), '1', token]),
      [
        'EVAL',
        "return redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, 20), 'PX', 99999)",
        '1',
        token,
      ],
      ['SET', token, '', 'PX', '99999'],
      ['SET', token, 'access-token', 'PX', '99999'],
      ['COPY', known, token, 'REPLACE'],
    ];
    for (const [i, damage] of damages.entries()) {
      await server.ask(...damage);
      const next = open({ url: server.url });
      await next.authenticateGuest(guest());
      assert.ok(next.metrics().store.refusedValues > 0, `${damage} is refused`);
      // One more request for a token, and all others have it from Redis again.
      assert.equal((await sandbox.counts()).routes.token.total, i + 2);
      const another = open({ url: server.url });
      await another.authenticateGuest(guest());
      assert.equal(another.metrics().store.refusedValues, 0);
      await Promise.all([next.close(), another.close()]);
    }
    await until(async () => (await server.keys('tl')).length === 0, 'the lock is free');
  });
});
