// The access token within a call: one request for all who need it, and a new one when the API refuses it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, guest, pkg, setup, until } from '../helpers/setup.mjs';

const { GuestConfigError, GuestCreationError, OAuthError } = pkg;

const bearer = ({ headers }) => headers.authorization;
const refused = { status: 401, body: { status: 401, code: 'bad.credentials', message: 'Invalid login credentials.' } };

describe('the access token', () => {
  test('is fetched once for 50 cold calls and kept for later ones', async (t) => {
    const { double, auth } = await setup(t);
    await Promise.all(Array.from({ length: 50 }, () => auth.authenticateGuest(guest())));
    await auth.authenticateGuest(guest());
    assert.equal(await auth.getAccessToken(), 'access-1');
    assert.equal(double.of('token').length, 1);
    assert.equal(auth.metrics().oauthRequests, 1);
  });

  test('is fetched anew when it has expired', async (t) => {
    const { double, auth } = await setup(t);
    double.next('token', { body: { access_token: 'short', expires_in: 1 } });
    assert.equal(await auth.getAccessToken(), 'short');
    await until(async () => (await auth.getAccessToken()) === 'access-1', 'the token expires');
  });

  test('is used once and not kept when nobody says how long it lives', async (t) => {
    const { double, auth } = await setup(t);
    const lives = [{}, { expires_in: null }, { expires_in: 0 }, { expires_in: -5 }, { expires_in: 'soon' }];
    double.next('token', ...lives.map((life, i) => ({ body: { access_token: `once-${i}`, ...life } })));
    for (const i of lives.keys()) assert.equal(await auth.getAccessToken(), `once-${i}`);
    assert.equal(await auth.getAccessToken(), 'access-1');
    assert.equal(double.of('token').length, lives.length + 1);
  });

  test('is dropped by a 401 and the call repeated once, by one request for 50 callers', async (t) => {
    const { double, auth } = await setup(t, { maxConcurrency: 50 });
    await auth.getAccessToken();
    // The pace starts slowly: fewer than 50 run at a time. All that were sent with the old token are refused.
    double.always('create', (exchange) =>
      bearer(exchange) === 'Bearer access-1' ? refused : { body: double.guest(exchange.json) },
    );
    const results = await Promise.all(Array.from({ length: 50 }, () => auth.authenticateGuest(guest())));
    assert.equal(new Set(results.map(({ guestData }) => guestData.guestId)).size, 50);
    assert.equal(double.of('token').length, 2);
    const accepted = double.of('create').filter((exchange) => bearer(exchange) === 'Bearer access-2');
    assert.equal(accepted.length, 50);
  });

  test('keeps the id of the request over a re-authentication', async (t) => {
    const { double, auth } = await setup(t);
    double.next('create', refused);
    await auth.authenticateGuest(guest());
    const [first, second] = double.of('create');
    assert.equal(first.headers['x-genesys-request-id'], second.headers['x-genesys-request-id']);
    assert.equal(first.body, second.body);
    assert.deepEqual([bearer(first), bearer(second)], ['Bearer access-1', 'Bearer access-2']);
  });

  test('that is refused twice fails the call', async (t) => {
    const { double, auth } = await setup(t);
    double.always('create', refused);
    const error = await failure(auth.authenticateGuest(guest()), GuestCreationError, 'GUEST_CREATION_FAILED');
    assert.deepEqual([error.status, error.attempts], [401, 2]);
    assert.deepEqual(double.counts, { token: 2, create: 2 });
  });

  test('is asked for again after a failure, and the failure reaches all who waited', async (t) => {
    const { double, auth } = await setup(t);
    const held = double.hold('token');
    double.next('token', { status: 401, body: { error: 'invalid_client', error_description: 'client not found' } });
    const calls = Array.from({ length: 10 }, () => auth.getAccessToken());
    await double.arrival('token');
    // A later call has been through the core's thread, so these have joined the one that is held.
    await failure(auth.deadLetters(), GuestConfigError);
    held.release();
    for (const { reason } of await Promise.allSettled(calls)) {
      assert.ok(reason instanceof OAuthError);
      assert.equal(
        reason.message,
        'OAuth token acquisition failed: 401 {"error":"invalid_client","error_description":"client not found"}',
      );
    }
    assert.equal(double.of('token').length, 1);
    assert.equal(await auth.getAccessToken(), 'access-1');
  });

  test('goes to the API alone, not to where it redirects', async (t) => {
    const { double, auth } = await setup(t, { crm: true, webhook: true });
    double.next('create', { status: 302, headers: { Location: `${double.url}/stolen` } });
    const error = await failure(auth.authenticateGuest(guest()), GuestCreationError);
    assert.equal(error.status, 302);
    await auth.authenticateGuest(guest());
    await double.arrival('webhook');
    assert.equal(double.of('other').length, 0);
    const authorised = double.exchanges.filter(bearer).map(({ route }) => route);
    assert.deepEqual([...new Set(authorised)].sort(), ['attributes', 'create']);
  });

  test('and the first connections can be had before the first guest', async (t) => {
    const { double, auth } = await setup(t);
    assert.equal(await auth.warmUp(), undefined);
    assert.equal(double.of('token').length, 1);
    await auth.authenticateGuest(guest());
    assert.equal(double.of('token').length, 1);
    assert.equal(double.of('create').length, 1);
  });

  test('can be handed around without its object', async (t) => {
    const { auth } = await setup(t);
    const { getAccessToken } = auth;
    assert.equal(await getAccessToken(), 'access-1');
    assert.equal(await auth.getAccessToken.call({ config: 'of somebody else' }), 'access-1');
  });
});
