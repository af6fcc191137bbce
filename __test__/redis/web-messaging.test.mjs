// Guests of web messaging whose sessions several processes share.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { configOf, isDuplicate, share } from '../helpers/redis/shared.mjs';
import { Worker } from '../helpers/redis/workers.mjs';
import { failure, pkg, until } from '../helpers/setup.mjs';

const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';
const RACED_FOR = 100;
const SESSION_SECONDS = 60;

const payload = { email: 'ada@example.com', consent: true, channelId: DEPLOYMENT };

/** Two instances that know of each other through a server alone. */
async function pair(t) {
  const server = await startServer(t);
  const { sandbox, open } = await share(t);
  const web = () => open({ url: server.url }, { guestApi: 'web-messaging' });
  return { server, sandbox, one: web(), other: web() };
}

describe('guests of web messaging on Redis', needsRedis, () => {
  test('are duplicates everywhere, and come back with their token anywhere', async (t) => {
    const { sandbox, one, other } = await pair(t);
    const { guestData } = await one.authenticateGuest(payload);
    await isDuplicate(other, payload);
    const { token, guestId } = guestData;
    const again = await other.authenticateGuest(payload, { token });
    assert.deepEqual([again.guestData.guestId, again.guestData.newSession], [guestId, false]);
    await failure(other.authenticateGuest(payload, { token: 'of somebody else' }), pkg.DuplicateSessionError);
    await sandbox.frameFault({ action: 'configureSession', error: { code: 403, body: 'no' } });
    await failure(other.authenticateGuest(payload, { token }), pkg.GuestForbiddenError);
    await isDuplicate(one, payload);
    await one.invalidateSession(one.getSessionKey(payload.email, DEPLOYMENT));
    await other.authenticateGuest(payload);
  });

  test('have one session each, whichever process asks', async (t) => {
    const { url } = await startServer(t);
    const { sandbox } = await share(t);
    const workers = await Worker.all(t, 2, configOf(sandbox, { url }, { guestApi: 'web-messaging' }));
    const payloads = Array.from({ length: RACED_FOR }, (_, i) => ({ ...payload, email: `guest-${i}@example.com` }));
    const [one, other] = await Promise.all(workers.map((worker) => worker.authenticate(payloads)));
    const outcomes = payloads.map((_, i) => [one.codes[i], other.codes[i]].sort().join());
    assert.deepEqual(new Set(outcomes), new Set(['DUPLICATE_SESSION,won']));
    assert.equal((await sandbox.messagingState()).sessions.length, RACED_FOR);
    const again = await Promise.all(workers.map((worker) => worker.authenticate(payloads)));
    for (const { codes } of again) assert.deepEqual(new Set(codes), new Set(['DUPLICATE_SESSION']));
  });

  test('who renew their JWT in two processes at once get one, and no longer session', async (t) => {
    const { server, sandbox, one, other } = await pair(t);
    await sandbox.settings({ messaging: { sessionSeconds: SESSION_SECONDS } });
    const signIn = await sandbox.signIn({ subject: 'ada' });
    const { guestData } = await one.authenticateGuest(payload, { signIn });
    await sandbox.fault({ route: 'jwt-refresh', delayMs: 1000 });
    const refreshes = async () => (await sandbox.counts()).routes['jwt-refresh'];
    const first = one.rotateRefreshToken(guestData.refreshToken);
    await until(async () => (await refreshes()).inFlight > 0, 'a refresh is on its way');
    const jwts = await Promise.all([first, other.rotateRefreshToken(guestData.refreshToken)]);
    assert.equal(jwts[0], jwts[1]);
    assert.notEqual(jwts[0], guestData.jwt);
    assert.equal((await refreshes()).total, 1);
    const [session] = await server.keys('s');
    const leftMs = Number(await server.ask('PTTL', session));
    assert.ok(leftMs > 0 && leftMs <= SESSION_SECONDS * 1000, `${leftMs} ms`);

    // The refresh token stays good: the next refresh is another one, wherever.
    assert.notEqual(await other.rotateRefreshToken(guestData.refreshToken), jwts[0]);
    await one.signOut(jwts[0], { refreshToken: guestData.refreshToken });
    await failure(other.rotateRefreshToken(guestData.refreshToken), pkg.TokenRefreshError);
  });

  test('leave no secret of theirs in the server', async (t) => {
    const { server, sandbox, one, other } = await pair(t);
    const signIn = await sandbox.signIn({ subject: 'ada' });
    const { token, jwt, refreshToken } = (await one.authenticateGuest(payload, { signIn })).guestData;
    const fresh = await Promise.all([one, other].map((auth) => auth.rotateRefreshToken(refreshToken)));
    const keys = await server.keys();
    assert.ok(keys.length >= 2, `${keys}`);
    const values = await Promise.all(keys.map((key) => server.ask('DUMP', key)));
    const kept = [...keys, ...values].join('\n');
    for (const secret of [token, jwt, refreshToken, ...fresh, signIn.code, signIn.codeVerifier, payload.email]) {
      assert.ok(!kept.includes(secret));
    }
  });
});
