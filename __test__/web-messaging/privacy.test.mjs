// No secret of a guest of web messaging where it does not belong: every way to succeed and to fail is tried with canaries,
// against a server that sends everything back, and all that can be read afterwards is searched for them.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, test } from 'node:test';
import { assertFree, listen, seen } from '../helpers/canaries.mjs';
import { pkg } from '../helpers/setup.mjs';

const { startSandbox } = createRequire(import.meta.url)('../../lib/testing/index.js');

const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';
const TOKEN = 'canaryToken-5e';
const SIGN_INS = {
  code: {
    code: 'canaryCode&/+ "é',
    redirectUri: 'https://shop.example/cb',
    codeVerifier: 'canaryVerifier-0123456789',
    nonce: 'canaryNonce',
  },
  idToken: { idToken: 'canaryIdToken.x.y', nonce: 'canaryNonce' },
  jwt: { jwt: 'canaryJwt.x.y' },
};
const REFRESH = 'canaryRefresh&/+ "é';
const SECRETS = [
  'canaryToken',
  'canaryCode',
  'canaryVerifier',
  'canaryNonce',
  'canaryIdToken',
  'canaryJwt',
  'canaryRefresh',
];
const CLIENT_SECRET = 'canarySecret-5e';

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());
beforeEach(() => sandbox.reset());

/** An authenticator, and everything that it says to the console, in warnings and in audit records. */
function watched(t, config = {}) {
  const said = listen(t);
  const options = {
    guestApi: 'web-messaging',
    clientSecret: CLIENT_SECRET,
    auditLogCallback: (record) => said.push(JSON.stringify(record)),
    contacts: true,
    crmBaseUrl: undefined,
    maxRetries: 0,
    ...config,
  };
  const auth = new pkg.GuestAuthenticator(sandbox.config(options));
  t.after(() => auth.close({ timeoutMs: 0 }));
  return { auth, said };
}

let guests = 0;
function payload() {
  guests += 1;
  return { email: `guest-${guests}@example.com`, consent: true, channelId: DEPLOYMENT };
}

test('when all is well, only the result has them', async (t) => {
  await sandbox.settings({ clientSecret: CLIENT_SECRET });
  const { auth, said } = watched(t);
  const signIn = await sandbox.signIn({ subject: 'ada' });
  const { guestData, analytics } = await auth.authenticateGuest(payload(), { signIn });
  const fresh = await auth.rotateRefreshToken(guestData.refreshToken);
  await auth.authenticateGuest(payload(), { token: TOKEN, signIn: { jwt: fresh } });
  await auth.signOut(fresh, { refreshToken: guestData.refreshToken });
  await auth.flush();
  const events = (await sandbox.state()).webhook ?? (await sandbox.log({ route: 'webhook' }));
  assert.ok(events.length > 0);
  const { token, jwt, refreshToken, guestId } = guestData;
  const words = [TOKEN, token, jwt, refreshToken, fresh, signIn.code, signIn.codeVerifier, CLIENT_SECRET];
  for (const value of [auth, auth.metrics(), analytics, events, said]) assertFree(seen(value), words, 'what is seen');
  assert.equal(analytics.guestId, guestId);
  assert.ok(said.join('\n').includes(guestId));
  assert.equal(said.length, 2, 'one audit record for each guest');
});

/** What a server answers that has these secrets from the call: under every name and in every form. */
const echoes = (secrets) => [
  secrets.join(' '),
  JSON.stringify({ message: `You sent ${secrets.join(', ')}`, code: 'bad.request', details: secrets }),
  JSON.stringify({ jwt: 'canaryJwt.other', token: 'canaryToken', refreshToken: REFRESH, data: { secret: secrets[0] } }),
  `<pre>${secrets.map(encodeURIComponent).join('&amp;')}</pre>`,
];

/** What each of them sends, to the sandbox or before to others. */
const SENT = {
  exchange: ['code', 'codeVerifier', 'nonce'].map((name) => SIGN_INS.code[name]),
  'exchange of an ID token': Object.values(SIGN_INS.idToken),
  'jwt-refresh': [REFRESH],
  revoke: [SIGN_INS.jwt.jwt, REFRESH],
  socket: [TOKEN, SIGN_INS.jwt.jwt],
  frame: [TOKEN, SIGN_INS.jwt.jwt],
};

/** Every call that can fail, by the route or the frame that fails it. */
const WAYS = {
  exchange: (auth) => auth.authenticateGuest(payload(), { token: TOKEN, signIn: SIGN_INS.code }),
  'exchange of an ID token': (auth) => auth.authenticateGuest(payload(), { token: TOKEN, signIn: SIGN_INS.idToken }),
  'jwt-refresh': (auth) => auth.rotateRefreshToken(REFRESH),
  revoke: (auth) => auth.signOut(SIGN_INS.jwt.jwt, { refreshToken: REFRESH }),
  socket: (auth) => auth.authenticateGuest(payload(), { token: TOKEN, signIn: SIGN_INS.jwt }),
  frame: (auth) => auth.authenticateGuest(payload(), { token: TOKEN, signIn: SIGN_INS.jwt }),
};

describe('when a server sends back all that it was sent, nothing is shown', () => {
  for (const [way, call] of Object.entries(WAYS)) {
    test(`by the ${way}`, async (t) => {
      const route = way.split(' ')[0];
      for (const status of route === 'frame' ? [400, 401, 403, 4006, 4020, 5000] : [400, 401, 403, 409, 500]) {
        for (const body of echoes(SENT[way])) {
          const { auth, said } = watched(t);
          if (route === 'frame') await sandbox.frameFault({ error: { code: status, body }, count: null });
          else await sandbox.fault({ route, status, body, count: null });
          const error = await call(auth).catch((reason) => reason);
          if (error !== undefined) {
            assert.ok(error instanceof pkg.GuestAuthError, seen(error));
            assertFree(seen(error), SECRETS, `${error.name} after ${status}`);
          } else assert.equal(route, 'revoke', 'only what is over can be signed out without a word');
          assertFree(seen(said) + seen(auth.metrics()), SECRETS, 'the console and the audit trail');
          await sandbox.reset();
          await auth.close({ timeoutMs: 0 });
        }
      }
    });
  }
});

test('mistakes of the caller are told without values', async (t) => {
  const { auth } = watched(t);
  for (const options of [
    { token: 5, signIn: SIGN_INS.jwt },
    { signIn: { ...SIGN_INS.code, redirectUri: undefined } },
    { signIn: { ...SIGN_INS.code, ...SIGN_INS.jwt } },
    { token: TOKEN, signIn: { ...SIGN_INS.code, maxAge: 'canaryCode' } },
  ]) {
    const error = await auth.authenticateGuest(payload(), options).catch((reason) => reason);
    assert.ok(error instanceof TypeError);
    assertFree(seen(error), SECRETS, error.message);
  }
});
