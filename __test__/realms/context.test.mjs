// Functions of the user's run in the asynchronous context of the call that needs them.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, test } from 'node:test';
import { MapStore } from '../helpers/map-store.mjs';
import { guest, pkg, setup, startDouble, until } from '../helpers/setup.mjs';

const tenants = ['a', 'b', 'c'];

/** Runs `call(tenant)` for all tenants at once. */
const forAll = (storage, call) => Promise.all(tenants.map((tenant) => storage.run(tenant, () => call(tenant))));

describe('AsyncLocalStorage', () => {
  test('a token manager asks for each tenant its own token', async (t) => {
    const double = await startDouble(t);
    const storage = new AsyncLocalStorage();
    const asked = async () => `token-of-${storage.getStore()}`;
    const manager = new pkg.GuestTokenManager(double.url, asked);
    t.after(() => manager.close());
    await forAll(storage, (tenant) => manager.createGuestSession(guest({ channelId: tenant })));
    await forAll(storage, (tenant) => manager.rotateRefreshToken(`refresh-${tenant}`));
    const sent = (route, tenantOf) =>
      double.of(route).map((request) => [tenantOf(JSON.parse(request.body)), request.headers.authorization]);
    const expected = tenants.map((tenant) => [tenant, `Bearer token-of-${tenant}`]);
    assert.deepEqual(sent('create', (body) => body.channelId).sort(), expected);
    assert.deepEqual(sent('refresh', (body) => body.refreshToken.slice(-1)).sort(), expected);
  });

  test('an enricher asks for each tenant its own token', async (t) => {
    const double = await startDouble(t);
    const storage = new AsyncLocalStorage();
    const seen = [];
    const getAccessToken = async () => {
      seen.push(storage.getStore());
      return 'token';
    };
    const options = { environment: double.url, getAccessToken };
    const enricher = new pkg.GuestContextEnricher(`${double.url}/crm`, '', () => {}, options);
    t.after(() => enricher.close());
    await forAll(storage, (tenant) => enricher.enrichAndSync({ guestId: tenant }, guest()));
    assert.deepEqual(seen.sort(), tenants);
  });

  test("a session store's functions run for the call, also those that follow its abort", async (t) => {
    const store = new MapStore();
    const storage = new AsyncLocalStorage();
    const seen = [];
    store.fault = (name, proceed) => {
      seen.push(`${name} for ${storage.getStore()}`);
      return proceed();
    };
    const { auth, double } = await setup(t, { sessionStore: store });
    const session = guest();
    await storage.run('a', () => auth.authenticateGuest(session));
    await storage.run('b', () => auth.invalidateSession(auth.getSessionKey(session.email, 'web')));
    assert.deepEqual(seen, ['reserve for a', 'commit for a', 'invalidate for b']);
    seen.length = 0;
    double.hold('create');
    const controller = new AbortController();
    const call = storage.run('c', () => auth.authenticateGuest(guest(), { signal: controller.signal }));
    await double.arrival('create', 2);
    controller.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await until(() => seen.length === 2, 'the key is released');
    assert.deepEqual(seen, ['reserve for c', 'release for c']);
  });
});
