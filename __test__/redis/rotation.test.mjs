// A rotated refresh token prolongs the session for all processes, whichever of them rotates it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { isDuplicate, keyOf, recovers, share } from '../helpers/redis/shared.mjs';
import { guest, until } from '../helpers/setup.mjs';

const HOUR_MS = 3_600_000;

/** Two processes, and a guest of the first one's whose token lives a second. */
async function setup(t) {
  const server = await startServer(t);
  const { sandbox, open } = await share(t);
  const store = { url: server.url };
  const [one, other] = [open(store), open(store)];
  await sandbox.settings({ expiresIn: 1 });
  const payload = guest();
  const { guestData } = await one.authenticateGuest(payload);
  await sandbox.settings({ expiresIn: HOUR_MS / 1000 });
  const leftMs = async () => {
    const [key] = await server.keys('s');
    return key === undefined ? 0 : Number(await server.ask('PTTL', key));
  };
  return { server, sandbox, one, other, payload, guestData, leftMs };
}

describe('sessions on Redis', needsRedis, () => {
  test('last as long as the newest guest token', async (t) => {
    const { sandbox, one, other, payload, guestData, leftMs } = await setup(t);
    assert.ok((await leftMs()) <= 1000);
    await other.rotateRefreshToken(guestData.refreshToken);
    const left = await leftMs();
    assert.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, `${left} ms`);

    // The next refresh token, which ends in the sandbox's count of refreshes, leads to the same session, of whichever process.
    await sandbox.settings({ expiresIn: 2 * (HOUR_MS / 1000) });
    await one.rotateRefreshToken(guestData.refreshToken.replace(/0$/, '1'));
    assert.ok((await leftMs()) > HOUR_MS);
    await isDuplicate(one, payload);
    await isDuplicate(other, payload);
  });

  test('that were ended are not revived, and those of a next guest not prolonged', async (t) => {
    const { server, sandbox, one, other, payload, guestData, leftMs } = await setup(t);
    await one.invalidateSession(keyOf(one, payload));
    await other.rotateRefreshToken(guestData.refreshToken);
    assert.deepEqual(await server.keys('s'), []);

    await sandbox.endGuests(guestData.guestId);
    await sandbox.settings({ expiresIn: 60 });
    await one.authenticateGuest(payload);
    await until(async () => (await leftMs()) > 0, 'there is a session');
    await sandbox.settings({ expiresIn: HOUR_MS / 1000 });
    await other.rotateRefreshToken(guestData.refreshToken).catch(() => {});
    assert.ok((await leftMs()) <= 60_000);
    await recovers(other, guest());
  });
});
