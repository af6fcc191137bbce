// Identifiers in audit records: one person has one hash, and no identifier of a hostile payload stands whole in a record.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { failure, guest, pkg, setup } from '../helpers/setup.mjs';

const LONGEST = 256;
const LONG = 'x'.repeat(70_000);

const cut = (text) => text.slice(0, LONGEST);

describe('a long identifier is cut', () => {
  test('in the record of a guest, and nowhere else', async (t) => {
    const { double, auth, audits } = await setup(t, { auditEmail: 'full' });
    double.always('create', ({ json }) => ({ body: double.guest(json, { guestId: LONG }) }));
    const payload = guest({ email: `a@${'b'.repeat(1000)}.com`, channelId: `c${'😀'.repeat(1000)}` });
    const { guestData, analytics } = await auth.authenticateGuest(payload);
    assert.deepEqual([analytics.email, analytics.channelId], [payload.email, payload.channelId]);
    assert.ok(guestData.guestId === LONG && analytics.guestId === LONG);
    // 255: half of a character would be none.
    assert.deepEqual(
      [audits[0].guestId, audits[0].email, audits[0].channelId],
      [cut(LONG), cut(payload.email), payload.channelId.slice(0, LONGEST - 1)],
    );
  });

  test('in the record of a failure, of a refused payload and of a session that is ended', async (t) => {
    const { double, auth, audits } = await setup(t);
    double.always('create', { status: 400, body: {} });
    await failure(auth.authenticateGuest(guest({ channelId: LONG })), pkg.GuestCreationError);
    await failure(auth.authenticateGuest(guest({ channelId: LONG, consent: false })), pkg.GuestValidationError);
    await auth.invalidateSession(auth.getSessionKey('jane@example.com', LONG));
    assert.deepEqual(
      audits.map(({ channelId }) => channelId),
      [cut(LONG), cut(LONG), cut(LONG)],
    );
  });

  test('in the error of a channel that no URL can hold, which the server is not asked about', async (t) => {
    const { double, auth, audits } = await setup(t, { preflightChannel: true });
    for (const channelId of [LONG, 'é'.repeat(2000), 'y'.repeat(8000)]) {
      const error = await failure(auth.authenticateGuest(guest({ channelId })), pkg.ChannelUnavailableError);
      assert.equal(error.message, `Channel ${cut(channelId)} is unknown or disabled`);
      assert.equal(error.retryable, false);
      assert.deepEqual([audits.at(-1).code, audits.at(-1).channelId], ['CHANNEL_UNAVAILABLE', cut(channelId)]);
    }
    await auth.authenticateGuest(guest({ channelId: 'z'.repeat(2000) }));
    assert.deepEqual(double.counts, { token: 1, channel: 1, create: 1 });
  });
});

test('one person has one hash, however the address is written', async (t) => {
  const { auth, audits } = await setup(t, { auditEmail: 'hashed' });
  const hash = createHmac('sha256', 'client-secret').update('jane@example.com').digest('hex');
  for (const email of ['Jane@Example.com', 'JANE@EXAMPLE.COM', 'jane@example.com']) {
    await auth.authenticateGuest(guest({ email, channelId: email }));
  }
  await failure(auth.authenticateGuest(guest({ email: 'JANE@example.com', consent: false })), pkg.GuestValidationError);
  await auth.invalidateSession(auth.getSessionKey('Jane@Example.com', 'Jane@Example.com'));
  assert.deepEqual(
    audits.map(({ email }) => email),
    Array(5).fill(hash),
  );
});
