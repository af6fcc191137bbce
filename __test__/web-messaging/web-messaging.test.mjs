// Genesys Cloud's own guest API behind the same class, against a sandbox that plays it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, test } from 'node:test';
import { failure, pkg } from '../helpers/setup.mjs';

const { startSandbox } = createRequire(import.meta.url)('../../lib/testing/index.js');

const DEPLOYMENT = '6a1f0f5e-0000-4000-8000-000000000001';
const UUID_V8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());
beforeEach(() => sandbox.reset());

let guests = 0;

/** A payload that nobody has used yet. */
function payload(changes = {}) {
  guests += 1;
  return { email: `guest-${guests}@example.com`, consent: true, channelId: DEPLOYMENT, ...changes };
}

/** An authenticator for the sandbox and what it writes down. */
function setup(t, config = {}) {
  const audits = [];
  const auth = new pkg.GuestAuthenticator(
    sandbox.config({ guestApi: 'web-messaging', auditLogCallback: (record) => audits.push(record), ...config }),
  );
  t.after(() => auth.close({ timeoutMs: 0 }));
  return { auth, audits };
}

/** The frames that clients have sent, parsed. */
async function sent() {
  const frames = await sandbox.frames();
  return frames.filter(({ from, kind }) => from === 'client' && kind === 'text').map(({ text }) => JSON.parse(text));
}

describe('an anonymous guest', () => {
  test('is a secret token, and everybody else hears of an id made from it', async (t) => {
    const { auth, audits } = setup(t, { origin: 'https://shop.example', crmBaseUrl: undefined });
    const given = payload({ attributes: { cart: [1, 'two'], vip: true, none: null } });
    const { guestData, analytics } = await auth.authenticateGuest(given);
    await auth.flush();
    assert.deepEqual(Object.keys(guestData), [
      ...['guestId', 'token', 'expiresIn', 'refreshToken', 'email', 'consent', 'channelId', 'createdDate'],
      ...['newSession', 'authenticated', 'customAttributes'],
    ]);
    assert.match(guestData.guestId, UUID_V8);
    assert.equal(guestData.refreshToken, '');
    assert.deepEqual([guestData.newSession, guestData.authenticated], [true, false]);
    assert.deepEqual(guestData.customAttributes, { cart: '[1,"two"]', vip: 'true' });
    assert.ok(guestData.expiresIn > 259_000 && guestData.expiresIn <= 259_200, `${guestData.expiresIn}`);
    assert.deepEqual([analytics.guestId, audits[0].guestId], [guestData.guestId, guestData.guestId]);
    assert.deepEqual([audits[0].enrichment, audits[0].tokenExpiry], ['skipped', guestData.expiresIn]);
    const [configure] = await sent();
    const { token } = guestData;
    const tracingId = audits[0].requestId;
    assert.deepEqual(configure, {
      action: 'configureSession',
      token,
      tracingId,
      deploymentId: DEPLOYMENT,
      startNew: false,
    });
    const { total } = (await sandbox.counts()).routes.token;
    assert.equal(total, 0, 'no access token is needed');
  });

  test('is a duplicate while its session lives, and comes back with its token', async (t) => {
    const { auth } = setup(t);
    const given = payload();
    const { guestData } = await auth.authenticateGuest(given);
    await failure(auth.authenticateGuest(given), pkg.DuplicateSessionError);
    const again = await auth.authenticateGuest(given, { token: guestData.token });
    assert.deepEqual([again.guestData.guestId, again.guestData.newSession], [guestData.guestId, false]);
    await failure(auth.authenticateGuest(given, { token: 'of somebody else' }), pkg.DuplicateSessionError);
    const failed = await failure(
      auth.authenticateGuest(given, { token: guestData.token, signIn: { jwt: 'made up' } }),
      pkg.TokenRefreshError,
    );
    assert.equal(failed.status, 401);
    await failure(auth.authenticateGuest(given), pkg.DuplicateSessionError);
  });

  test('is refused for what zod would refuse, for other channels and for too many attributes', async (t) => {
    const { auth } = setup(t);
    const bad = await failure(
      auth.authenticateGuest({ email: 'ada', consent: false, channelId: 'web' }),
      pkg.GuestValidationError,
    );
    assert.deepEqual(
      bad.issues.map(({ code, path }) => [code, path[0]]),
      [
        ['invalid_format', 'email'],
        ['custom', 'consent'],
        ['invalid_format', 'channelId'],
      ],
    );
    const attributes = { note: 'é'.repeat(1023) };
    const large = await failure(auth.authenticateGuest(payload({ attributes })), pkg.GuestValidationError);
    assert.deepEqual([large.issues[0].code, large.issues[0].path], ['too_big', ['attributes']]);
    assert.deepEqual(await sent(), []);
    await auth.authenticateGuest(payload({ attributes: { note: 'é'.repeat(1022) } }));
  });

  test('leaves nothing behind when its call is aborted', async (t) => {
    const { auth, audits } = setup(t);
    await sandbox.frameFault({ action: 'configureSession', delayMs: 60_000 });
    const given = payload();
    const controller = new AbortController();
    const call = auth.authenticateGuest(given, { signal: controller.signal });
    while ((await sent()).length === 0);
    controller.abort(new Error('enough'));
    await assert.rejects(call, { message: 'enough' });
    while ((await sandbox.messagingState()).sockets.length > 0);
    assert.equal(audits[0].code, 'ABORTED');
    await sandbox.clearFrameFaults();
    await auth.authenticateGuest(given);
  });
});

describe('a session', () => {
  test('is asked for again with the same token where the connection breaks off', async (t) => {
    const { auth } = setup(t);
    await sandbox.frameFault({ action: 'configureSession', cut: 'reset' });
    const { guestData } = await auth.authenticateGuest(payload());
    const tokens = (await sent()).map(({ token }) => token);
    assert.deepEqual(tokens, [guestData.token, guestData.token]);
  });

  test('that can only be read gives way to a new one', async (t) => {
    const { auth } = setup(t, { startConversation: true });
    const given = payload();
    const { guestData } = await auth.authenticateGuest(given);
    await sandbox.disconnect(guestData.token);
    const again = await auth.authenticateGuest(given, { token: guestData.token });
    assert.deepEqual([again.guestData.token, again.guestData.newSession], [guestData.token, true]);
    assert.ok((await sent()).some(({ action }) => action === 'closeSession'));
  });

  test('that refuses a sign-in says that the guest must sign in again', async (t) => {
    const { auth } = setup(t);
    const given = payload();
    const { code, redirectUri, codeVerifier } = await sandbox.signIn({ subject: given.email });
    const error = { code: 403, body: 'Session authentication failed' };
    await sandbox.frameFault({ action: 'configureAuthenticatedSession', error });
    const call = auth.authenticateGuest(given, { signIn: { code, redirectUri, codeVerifier } });
    const { hint } = await failure(call, pkg.GuestForbiddenError, 'FORBIDDEN');
    assert.match(hint, /sign in again/);
  });
});

describe('a signed-in call that is aborted', () => {
  const inFlight = async (route) => (await sandbox.counts()).routes[route].inFlight > 0;
  const asked = async (action) => (await sent()).some((frame) => frame.action === action);
  const steps = {
    'while the code is exchanged': [
      () => sandbox.fault({ route: 'exchange', delayMs: 60_000 }),
      () => inFlight('exchange'),
    ],
    'while the socket is opened': [() => sandbox.fault({ route: 'socket', delayMs: 60_000 }), () => inFlight('socket')],
    'while the session is asked for': [
      () => sandbox.frameFault({ action: 'configureAuthenticatedSession', delayMs: 60_000 }),
      () => asked('configureAuthenticatedSession'),
    ],
    'while the conversation is started': [
      () => sandbox.frameFault({ action: 'onMessage', delayMs: 60_000 }),
      () => asked('onMessage'),
    ],
  };
  for (const [when, [hold, isThere]] of Object.entries(steps)) {
    test(`${when} leaves no session and no socket, and spends its code once`, async (t) => {
      const { auth } = setup(t, { startConversation: true });
      await hold();
      const given = payload();
      const controller = new AbortController();
      const { code, redirectUri, codeVerifier } = await sandbox.signIn({ subject: given.email });
      const signIn = { code, redirectUri, codeVerifier };
      const call = auth.authenticateGuest(given, { signIn, signal: controller.signal });
      while (!(await isThere()));
      controller.abort(new Error('enough'));
      await assert.rejects(call, { message: 'enough' });
      while ((await sandbox.messagingState()).sockets.length > 0 || (await inFlight('socket')));
      assert.ok((await sandbox.counts()).routes.exchange.total <= 1);
      await sandbox.clearFaults();
      await sandbox.clearFrameFaults();
      await auth.authenticateGuest(given);
    });
  }
});

describe('a guest who has signed in', () => {
  test('with a code gets a JWT, renews it, and signs out', async (t) => {
    const { auth } = setup(t);
    const signIn = await sandbox.signIn({ subject: 'ada' });
    const { guestData } = await auth.authenticateGuest(payload(), { signIn });
    assert.deepEqual([guestData.authenticated, guestData.jwtExpiresIn], [true, 900]);
    const fresh = await auth.rotateRefreshToken(guestData.refreshToken);
    assert.notEqual(fresh, guestData.jwt);
    const other = await auth.authenticateGuest(payload(), { signIn: { jwt: fresh } });
    assert.deepEqual([other.guestData.authenticated, other.guestData.refreshToken], [true, '']);
    assert.equal(await auth.signOut(fresh, { refreshToken: guestData.refreshToken }), undefined);
    const out = await failure(auth.authenticateGuest(payload(), { signIn: { jwt: fresh } }), pkg.TokenRefreshError);
    assert.match(out.hint, /sign in again/);
    await failure(auth.authenticateGuest(payload(), { signIn }), pkg.OAuthError);
  });

  test('with an ID token gets no refresh token', async (t) => {
    const { auth } = setup(t);
    const signIn = await sandbox.signIn({ subject: 'eve', implicit: true });
    const { guestData } = await auth.authenticateGuest(payload(), { signIn });
    assert.deepEqual([guestData.authenticated, guestData.refreshToken], [true, '']);
  });

  test('gets another JWT where the socket refuses the first one', async (t) => {
    const { auth } = setup(t);
    await sandbox.frameFault({
      action: 'configureAuthenticatedSession',
      error: { code: 401, body: 'User is unauthorized' },
    });
    const { guestData } = await auth.authenticateGuest(payload(), { signIn: await sandbox.signIn({ subject: 'ada' }) });
    const jwts = (await sent()).map(({ data }) => data.code);
    assert.equal(jwts.length, 2);
    assert.notEqual(jwts[0], jwts[1]);
    assert.equal(guestData.jwt, jwts[1]);
  });

  test('steps up from being anonymous', async (t) => {
    await sandbox.deployments({ id: DEPLOYMENT, auth: true, upgrade: true });
    const { auth } = setup(t);
    const given = payload();
    const { token, guestId } = (await auth.authenticateGuest(given)).guestData;
    const signIn = await sandbox.signIn({ subject: 'ada' });
    const { guestData } = await auth.authenticateGuest(given, { token, signIn });
    assert.deepEqual([guestData.guestId, guestData.authenticated], [guestId, true]);
    const back = await failure(auth.authenticateGuest(given, { token }), pkg.GuestConflictError);
    assert.equal(back.status, 4017);
  });

  test('is needed where the deployment says so, which is checked before', async (t) => {
    await sandbox.deployments({ id: DEPLOYMENT, auth: true });
    const { auth } = setup(t, { preflightChannel: true });
    const refused = await failure(auth.authenticateGuest(payload()), pkg.ChannelUnavailableError);
    assert.match(refused.hint, /signIn/);
    await auth.authenticateGuest(payload(), { signIn: await sandbox.signIn({ subject: 'ada' }) });
  });
});

test('a conversation is started with the attributes and what the organisation knows', async (t) => {
  const { auth, audits } = setup(t, { startConversation: true, contacts: { tier: 'level' }, crmBaseUrl: undefined });
  const given = payload({ attributes: { cart: 2 } });
  await sandbox.contacts({ [given.email]: { firstName: 'Ada', customFields: { level: 'gold' } } });
  const { guestData, analytics } = await auth.authenticateGuest(given);
  assert.deepEqual([audits[0].enrichment, analytics.crmTier], ['applied', 'gold']);
  const { cart, tier, name, authMethod } = guestData.customAttributes;
  assert.deepEqual({ cart, tier, name, authMethod }, { cart: '2', tier: 'gold', name: 'Ada', authMethod: 'guest-api' });
  const [, join] = await sent();
  assert.deepEqual(join.message.channel.metadata.customAttributes, guestData.customAttributes);
});

test('a rate limit in a frame stops all calls until it is over', async (t) => {
  const { auth } = setup(t, { maxRetryAfterMs: 100 });
  const body = { retryAfter: 30, errorCode: 4029, errorMessage: 'Message rate too high for this session' };
  await sandbox.frameFault({ error: { code: 429, body, class: 'TooManyRequestsErrorMessage' } });
  const error = await failure(auth.authenticateGuest(payload()), pkg.RateLimitedError);
  assert.deepEqual([error.status, error.retryAfterMs, error.retryable], [429, 30_000, true]);
});

test('options of web messaging are refused where they mean nothing or make no sense', async (t) => {
  const engagements = new pkg.GuestAuthenticator(sandbox.config({ auditLogCallback: () => {} }));
  t.after(() => engagements.close());
  for (const options of [{ token: 'x' }, { signIn: { jwt: 'x' } }]) {
    await failure(engagements.authenticateGuest(payload(), options), pkg.GuestConfigError, 'CONFIG_INVALID');
  }
  await failure(engagements.signOut('jwt'), pkg.GuestConfigError);
  const { auth } = setup(t);
  for (const options of [
    { token: '' },
    { token: 5 },
    { signIn: 'jwt' },
    { signIn: {} },
    { signIn: { code: 'c' } },
    { signIn: { code: 'c', jwt: 'j' } },
    { signIn: { jwt: '\ud800' } },
    { signIn: { code: 'c', redirectUri: 'r', maxAge: -1 } },
  ]) {
    const error = await failure(auth.authenticateGuest(payload(), options), TypeError);
    assert.match(error.message, /^(token|signIn)/);
  }
  await failure(auth.signOut(''), TypeError);
  for (const [config, rule] of [
    [{ guestApi: 'rest' }, /^guestApi must be 'engagements' or 'web-messaging'/],
    [{ environment: 'acme' }, /^environment must be a region or an origin/],
    [{ messagingUrl: 'ws://example.com/v1' }, /^messagingUrl must use https/],
    [{ origin: 'a b' }, /^origin must be an origin/],
    [{ contacts: 'yes' }, /^contacts must be true, false, or/],
  ]) {
    const make = () => new pkg.GuestAuthenticator(sandbox.config({ guestApi: 'web-messaging', ...config }));
    assert.throws(make, (error) => error instanceof pkg.GuestConfigError && rule.test(error.message), `${rule}`);
  }
});

describe('tokens alone', () => {
  test('are exchanged, refreshed and revoked without an OAuth client', async (t) => {
    const tokens = new pkg.WebMessagingTokens({ environment: sandbox.url });
    t.after(() => tokens.close());
    const grant = await tokens.exchange(DEPLOYMENT, await sandbox.signIn({ subject: 'ada' }));
    assert.deepEqual(Object.keys(grant), ['jwt', 'refreshToken', 'jwtExpiresIn']);
    const fresh = await tokens.refresh(grant.refreshToken, { deploymentId: DEPLOYMENT });
    assert.deepEqual(Object.keys(fresh), ['jwt', 'jwtExpiresIn']);
    await sandbox.expireJwts();
    await tokens.revoke(fresh.jwt, { refreshToken: grant.refreshToken });
    const bodies = await sandbox.log({ route: 'revoke' });
    assert.equal(bodies.length, 2, 'one that had ended was refreshed first');
    await failure(tokens.refresh('made up'), pkg.TokenRefreshError);
    await failure(tokens.exchange(DEPLOYMENT, { jwt: 'x' }), TypeError);
    await failure(tokens.exchange('', { idToken: 'x' }), TypeError);
  });

  test('are not to be had from a closed instance, and calls can be aborted', async () => {
    const tokens = new pkg.WebMessagingTokens({ environment: sandbox.url });
    await assert.rejects(tokens.refresh('x', { signal: AbortSignal.abort() }), { name: 'AbortError' });
    await tokens.close();
    await failure(tokens.revoke('x'), pkg.ClosedError);
  });
});
