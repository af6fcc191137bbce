// 409: the server knows the guest, or the refresh token was used. And the rotation of refresh tokens.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, guest, pkg, setup, until } from '../helpers/setup.mjs';

const { GuestConflictError, GuestCreationError, TokenRefreshError, TokenSignatureError } = pkg;

const conflict = { status: 409, body: { status: 409, code: 'conflict', message: 'A session exists.' } };

/** A guest whose session has ended here, but not at the server. */
async function endedHere(t, changes = {}) {
  const context = await setup(t);
  const { double, auth } = context;
  double.next('create', ({ json }) => ({ body: double.guest(json, { extra: { kept: true }, ...changes }) }));
  const payload = guest();
  const { guestData } = await auth.authenticateGuest(payload);
  await auth.invalidateSession(auth.getSessionKey(payload.email, payload.channelId));
  double.always('create', conflict);
  return { ...context, payload, guestData };
}

describe('a conflict on creation', () => {
  test('gives the guest that is known and alive', async (t) => {
    const { double, auth, payload, guestData } = await endedHere(t);
    const again = await auth.authenticateGuest(payload);
    assert.ok(again.guestData.expiresIn <= guestData.expiresIn);
    assert.deepEqual({ ...again.guestData, expiresIn: 0 }, { ...guestData, expiresIn: 0 });
    assert.equal(double.of('refresh').length, 0);
    await failure(auth.authenticateGuest(payload), pkg.DuplicateSessionError);
  });

  test('refreshes the guest that is known and expired', async (t) => {
    const { double, auth, payload, guestData } = await endedHere(t, { expiresIn: 1 });
    await until(async () => {
      const { guestData: again } = await auth.authenticateGuest(payload);
      await auth.invalidateSession(auth.getSessionKey(payload.email, payload.channelId));
      return again.token !== guestData.token;
    }, 'the guest token expires');
    assert.deepEqual(double.of('refresh')[0].json, { refreshToken: 'refresh-1' });
    const again = await auth.authenticateGuest(payload);
    assert.equal(again.guestData.token, double.sign('fresh-1'));
    assert.equal(again.guestData.refreshToken, 'refreshed-1');
    assert.equal(again.guestData.guestId, guestData.guestId);
    assert.deepEqual(again.guestData.extra, { kept: true });
    assert.ok(again.guestData.expiresIn > 3000);
  });

  test('is the answer when the refresh fails as well', async (t) => {
    const { double, auth, payload } = await endedHere(t, { expiresIn: 0 });
    double.always('refresh', { status: 400, body: { message: 'no' } });
    const error = await failure(auth.authenticateGuest(payload), GuestConflictError, 'CONFLICT');
    assert.equal(error.message, `Guest creation failed: 409 ${JSON.stringify(conflict.body)}`);
    assert.equal(double.of('refresh').length, 1);
  });

  test('is an error for a guest that nobody knows', async (t) => {
    const { double, auth } = await setup(t);
    double.next('create', conflict);
    const payload = guest();
    const error = await failure(auth.authenticateGuest(payload), GuestConflictError, 'CONFLICT');
    assert.ok(error instanceof GuestCreationError);
    assert.deepEqual([error.status, error.attempts, error.retryable], [409, 1, false]);
    assert.equal(error.message, `Guest creation failed: 409 ${JSON.stringify(conflict.body)}`);
    await auth.authenticateGuest(payload);
  });
});

describe('a refresh token', () => {
  test('is traded for a guest token', async (t) => {
    const { double, auth } = await setup(t);
    assert.equal(await auth.rotateRefreshToken('some "token"/1'), double.sign('fresh-1'));
    const [exchange] = double.of('refresh');
    assert.equal(`${exchange.method} ${exchange.url}`, 'POST /api/v2/engagements/guests/refresh');
    assert.equal(exchange.headers.authorization, 'Bearer access-1');
    assert.equal(exchange.headers['content-type'], 'application/json');
    assert.equal(exchange.body, '{"refreshToken":"some \\"token\\"/1"}');
  });

  test('is traded once for 50 who ask at the same time', async (t) => {
    const { double, auth } = await setup(t);
    const held = double.hold('refresh');
    const calls = Array.from({ length: 50 }, () => auth.rotateRefreshToken('token'));
    await double.arrival('refresh');
    held.release();
    assert.deepEqual([...new Set(await Promise.all(calls))], [double.sign('fresh-1')]);
    assert.equal(double.of('refresh').length, 1);
  });

  test('that was used gives the newest token known for it', async (t) => {
    const { double, auth } = await setup(t);
    await auth.rotateRefreshToken('first');
    const newest = await auth.rotateRefreshToken('refreshed-1');
    double.always('refresh', conflict);
    assert.equal(await auth.rotateRefreshToken('first'), newest);
    assert.equal(await auth.rotateRefreshToken('refreshed-1'), newest);
  });

  test('that was used by somebody else is a conflict', async (t) => {
    const { double, auth } = await setup(t);
    double.next('refresh', conflict);
    const error = await failure(auth.rotateRefreshToken('unknown'), GuestConflictError, 'CONFLICT');
    assert.equal(error.message, `Guest token refresh failed: 409 ${JSON.stringify(conflict.body)}`);
    assert.equal(await auth.rotateRefreshToken('unknown'), double.sign('fresh-1'));
  });

  test('that is refused is an error with the answer', async (t) => {
    const { double, auth } = await setup(t);
    double.next('refresh', { status: 404, body: 'no such guest' });
    const error = await failure(auth.rotateRefreshToken('unknown'), TokenRefreshError, 'REFRESH_FAILED');
    assert.equal(error.message, 'Guest token refresh failed: 404 no such guest');
    assert.deepEqual([error.status, error.body, error.attempts], [404, 'no such guest', 1]);
  });

  test('is not returned with a signature that does not verify', async (t) => {
    const { double, auth } = await setup(t);
    double.next('refresh', { body: { token: 'body.0123456789abcdef', expiresIn: 60 } });
    await failure(auth.rotateRefreshToken('token'), TokenSignatureError, 'SIGNATURE_INVALID');
    double.next('refresh', { body: { expiresIn: 60 } });
    await failure(auth.rotateRefreshToken('token'), TokenRefreshError, 'REFRESH_FAILED');
  });

  test('of a guest leads to its newest token after a conflict', async (t) => {
    const { double, auth, payload, guestData } = await endedHere(t);
    const fresh = await auth.rotateRefreshToken(guestData.refreshToken);
    const again = await auth.authenticateGuest(payload);
    assert.deepEqual([again.guestData.token, again.guestData.refreshToken], [fresh, 'refreshed-1']);
    assert.equal(double.of('refresh').length, 1);
  });

  test('must be a string that is not empty', async (t) => {
    const { double, auth } = await setup(t);
    for (const wrong of [undefined, null, '', 5, {}, Symbol('token')]) {
      await assert.rejects(auth.rotateRefreshToken(wrong), { name: 'TypeError', message: /refreshToken/ });
    }
    assert.equal(double.exchanges.length, 0);
  });
});
