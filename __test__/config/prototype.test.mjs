// What stands on `Object.prototype` is nobody's option.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { configOf, guest, pkg, setup, startDouble } from '../helpers/setup.mjs';

/** Puts members on `Object.prototype` for as long as `work` takes. */
async function polluted(members, work) {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true, writable: true });
  }
  try {
    return await work();
  } finally {
    for (const name of Object.keys(members)) delete Object.prototype[name];
  }
}

describe('Object.prototype', () => {
  test('sends no secret elsewhere', async (t) => {
    const [double, other] = [await startDouble(t), await startDouble(t)];
    const members = {
      loginUrl: other.url,
      apiUrl: other.url,
      proxy: other.url,
      crmBaseUrl: `${other.url}/crm`,
      analyticsWebhookUrl: `${other.url}/hook`,
      paths: { token: '/elsewhere' },
      scope: 'everything',
    };
    await polluted(members, async () => {
      const auth = new pkg.GuestAuthenticator({ ...configOf(double), auditLogCallback: () => {} });
      const oauth = new pkg.OAuthManager(configOf(double));
      await auth.authenticateGuest(guest());
      await oauth.getAccessToken();
      await auth.close();
      await oauth.close();
    });
    assert.equal(other.exchanges.length, 0);
    assert.equal(double.of('create').length, 1);
    assert.doesNotMatch(double.of('token')[0].body, /everything/);
  });

  test('gives the other classes no option', async (t) => {
    const [double, other] = [await startDouble(t), await startDouble(t)];
    await polluted({ apiUrl: other.url, proxy: other.url, getAccessToken: async () => 'stolen' }, async () => {
      const manager = new pkg.GuestTokenManager(double.url, async () => 'token');
      await manager.createGuestSession(guest());
      const enricher = new pkg.GuestContextEnricher(`${double.url}/crm`, '', () => {});
      await enricher.enrichAndSync({ guestId: 'g' }, guest());
      await manager.close();
      await enricher.close();
    });
    assert.equal(other.exchanges.length, 0);
    assert.equal(double.of('create')[0].headers.authorization, 'Bearer token');
    assert.equal(double.of('attributes').length, 0);
  });

  test('gives a call no option, and a store no function', async (t) => {
    const { auth, config } = await setup(t);
    // Nothing is sent here: the server would take the options for its own.
    const members = { signal: AbortSignal.abort(), timeoutMs: 'soon', reserve: () => false, redis: { url: 'nowhere' } };
    await polluted(members, async () => {
      await assert.rejects(auth.authenticateGuest({}, {}), { code: 'VALIDATION_FAILED' });
      assert.throws(() => new pkg.GuestAuthenticator({ ...config, sessionStore: {} }), {
        message: /^sessionStore\.redis is required/,
      });
      await auth.close({});
    });
  });

  test('is not taken for a class that has the options, nor for a proxy', async (t) => {
    const double = await startDouble(t);
    const { environment, clientId, clientSecret } = configOf(double);
    class Settings {
      get environment() {
        return environment;
      }
      clientId = clientId;
    }
    class Service extends Settings {
      get clientSecret() {
        return clientSecret;
      }
    }
    const all = new Proxy({}, { get: (_, name) => ({ environment, clientId, clientSecret })[name] });
    await polluted({ loginUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1' }, async () => {
      for (const config of [new Service(), Object.create(new Service()), all]) {
        const manager = new pkg.OAuthManager(config);
        assert.equal(typeof (await manager.getAccessToken()), 'string');
        await manager.close();
      }
    });
  });
});
