// Guests of web messaging whose sessions several processes share.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { isDuplicate, share } from '../helpers/redis/shared.mjs';
import { failure, pkg } from '../helpers/setup.mjs';

const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';
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
