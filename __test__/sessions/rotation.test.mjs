// A rotated refresh token prolongs the session: a second caller must not get the first one's guest.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pair } from '../helpers/map-store.mjs';
import { failure, guest, pkg, setup, until } from '../helpers/setup.mjs';

const { DuplicateSessionError } = pkg;

const SHORT = 1;

/** Guests that live a second, unless they are refreshed. */
const briefly = (double) => double.always('create', ({ json }) => ({ body: double.guest(json, { expiresIn: SHORT }) }));

const isDuplicate = (auth, payload) => failure(auth.authenticateGuest(payload), DuplicateSessionError);

/** Waits until a guest who comes now, and is not refreshed, has no session any more. */
async function aLifeIsOver(auth) {
  const payload = guest();
  await auth.authenticateGuest(payload);
  const again = () =>
    auth.authenticateGuest(payload).then(
      () => true,
      () => false,
    );
  await until(again, 'a session is over');
}

describe('in memory', () => {
  test('a session lasts as long as the newest guest token, however often it is rotated', async (t) => {
    const { double, auth } = await setup(t);
    briefly(double);
    const [payload, other] = [guest(), guest()];
    const { guestData } = await auth.authenticateGuest(payload);
    await auth.authenticateGuest(other);
    // The second refresh is one of the refreshed token.
    await auth.rotateRefreshToken(guestData.refreshToken);
    await auth.rotateRefreshToken('refreshed-1');
    await aLifeIsOver(auth);
    await isDuplicate(auth, payload);
    await auth.authenticateGuest(other);
  });

  test('a server that gives no new refresh token prolongs it as well', async (t) => {
    const { double, auth } = await setup(t);
    briefly(double);
    double.always('refresh', () => ({ body: { token: double.sign(), expiresIn: 3600 } }));
    const payload = guest();
    const { guestData } = await auth.authenticateGuest(payload);
    await Promise.all([1, 2, 3].map(() => auth.rotateRefreshToken(guestData.refreshToken)));
    await aLifeIsOver(auth);
    await isDuplicate(auth, payload);
  });

  test('a refresh that fails prolongs nothing', async (t) => {
    const { double, auth } = await setup(t);
    briefly(double);
    double.always('refresh', { status: 400, body: {} });
    const payload = guest();
    const { guestData } = await auth.authenticateGuest(payload);
    await failure(auth.rotateRefreshToken(guestData.refreshToken), pkg.TokenRefreshError);
    await aLifeIsOver(auth);
    await auth.authenticateGuest(payload);
  });

  test('a session that was ended stays ended', async (t) => {
    const { auth } = await setup(t);
    const payload = guest();
    const { guestData } = await auth.authenticateGuest(payload);
    await auth.invalidateSession(auth.getSessionKey(payload.email, payload.channelId));
    await auth.rotateRefreshToken(guestData.refreshToken);
    assert.equal(auth.metrics().liveSessions, 0);
    await auth.authenticateGuest(payload);
  });
});

describe('in a store of one’s own', () => {
  test('the session is committed again, for its owner and with the life of the fresh token', async (t) => {
    const { store, double, one } = await pair(t);
    briefly(double);
    const payload = guest();
    const { guestData } = await one.authenticateGuest(payload);
    await one.rotateRefreshToken(guestData.refreshToken);
    const [first, second, ...more] = store.of('commit');
    assert.deepEqual([second.slice(0, 3), more], [first.slice(0, 3), []]);
    assert.ok(first[3] <= SHORT * 1000 && second[3] > 3_500_000 && second[3] <= 3_600_000, `${second[3]}`);
    store.advance(SHORT * 1000);
    await isDuplicate(one, payload);
  });

  test('that has lost the session, or fails, costs no token', async (t) => {
    const { store, one } = await pair(t);
    const payload = guest();
    const { guestData } = await one.authenticateGuest(payload);
    await one.invalidateSession(one.getSessionKey(payload.email, payload.channelId));
    await one.rotateRefreshToken(guestData.refreshToken);
    assert.deepEqual(store.live, []);
    store.fault = () => Promise.reject(new Error('the table is gone'));
    assert.match(await one.rotateRefreshToken(guestData.refreshToken), /^fresh-2\./);
  });
});

test('a session ends with its token, however long the call takes after the answer', async (t) => {
  const { double, auth } = await setup(t, { crm: true });
  briefly(double);
  let proceed;
  const held = new Promise((resolve) => {
    proceed = resolve;
  });
  double.next('attributes', () => held.then(() => ({ body: {} })));
  const payload = guest();
  const call = auth.authenticateGuest(payload);
  await double.arrival('attributes');
  await aLifeIsOver(auth);
  proceed();
  await call;
  await auth.authenticateGuest(payload);
});
