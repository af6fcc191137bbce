// `genesys-guest-auth/testing`: web messaging, with a client of others, and what a test may script.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Guest } from './guest.mjs';
import { habits } from './habits.mjs';

const require = createRequire(import.meta.url);
const { startSandbox } = require(join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'lib', 'testing'));

const deploymentId = '6a1f0f5e-0000-4000-8000-000000000001';
const configure = (token) => ({ action: 'configureSession', token, deploymentId, tracingId: randomUUID() });
const configureSignedIn = (token, jwt) => ({
  ...configure(token),
  action: 'configureAuthenticatedSession',
  data: { code: jwt },
});
const say = (token, text) => ({ action: 'onMessage', token, message: { type: 'Text', text } });

describe('web messaging in a sandbox', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  beforeEach(() => sandbox.reset());
  after(() => sandbox.close());

  const address = (query = '') => `${sandbox.messaging}?deploymentId=${deploymentId}${query && `&${query}`}`;
  const connect = (options) => Guest.connect(address(), options);

  async function rest(method, path, { body, bearer } = {}) {
    const headers = {
      ...(body && { 'content-type': 'application/json' }),
      ...(bearer && { authorization: `bearer ${bearer}` }),
    };
    const response = await fetch(`${sandbox.api}/api/v2/${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, json: text ? JSON.parse(text) : undefined };
  }
  const exchange = async (oauth) => {
    const path = 'webdeployments/token/oauthcodegrantjwtexchange';
    return (await rest('POST', path, { body: { deploymentId, oauth } })).json;
  };

  for (const [name, habit] of Object.entries(habits)) {
    test(`${name} holds a whole conversation`, async () => {
      await sandbox.deployments({ id: deploymentId, domains: ['shop.example'] });
      const headers = habit.headers({ host: new URL(sandbox.url).hostname, deploymentId });
      const guest = await Guest.connect(address(habit.query), { headers });
      const token = randomUUID();
      const configuring = habit.configure(token, deploymentId, randomUUID());
      const session = await guest.ask(configuring);
      assert.deepEqual([session.type, session.class, session.code], ['response', 'SessionResponse', 200]);
      assert.deepEqual([session.tracingId, session.body.newSession], [configuring.tracingId, true]);

      const joining = habit.join(token, randomUUID());
      const joined = await guest.ask(joining);
      assert.deepEqual(
        [joined.tracingId, joined.body.events[0].presence.type, joined.body.direction],
        [joining.tracingId, 'Join', 'Inbound'],
      );
      const welcome = await guest.next();
      assert.deepEqual([welcome.type, welcome.body.direction, welcome.tracingId], ['message', 'Outbound', undefined]);

      const saying = habit.say(token, 'hi', randomUUID());
      const own = await guest.ask(saying);
      assert.deepEqual([own.tracingId, own.body.text, own.body.type], [saying.tracingId, 'hi', 'Text']);
      assert.ok(Date.parse(own.body.channel.time) > 0);
      assert.equal((await guest.next()).body.text, 'You said: hi');
      const { sessions } = await sandbox.messagingState();
      assert.deepEqual(sessions[0].customAttributes, { tier: 'gold' });

      const checking = habit.echo(token, randomUUID());
      const echo = await guest.ask(checking);
      assert.deepEqual([echo.type, echo.tracingId, echo.body.text], ['response', checking.tracingId, 'ping']);
      assert.deepEqual((await guest.close(...habit.close)).code, habit.close[0] ?? 1005);

      const again = await Guest.connect(address(habit.query), { headers });
      const resumed = await again.ask(configuring);
      assert.deepEqual([resumed.body.newSession, resumed.body.autoStarted], [false, true]);
      again.close();
    });
  }

  test('a code is traded, the JWT refreshed when it has ended, and revoked', async () => {
    const { code, redirectUri, codeVerifier } = await sandbox.signIn({ subject: 'ada', firstName: 'Ada' });
    const { jwt, refreshToken } = await exchange({ code, redirectUri, codeVerifier });
    const guest = await connect();
    const token = randomUUID();
    assert.equal(await sandbox.expireJwts('ada'), 1);
    const refused = await guest.ask(configureSignedIn(token, jwt));
    assert.deepEqual([refused.class, refused.code, refused.body], ['string', 401, 'User is unauthorized']);
    const { json } = await rest('POST', 'webdeployments/token/refresh', { body: { refreshToken } });
    assert.equal((await guest.ask(configureSignedIn(token, json.jwt))).class, 'SessionResponse');

    const { body } = await guest.ask({ action: 'getJwt', token });
    await guest.ask(say(token, 'hi'));
    const history = await rest('GET', 'webmessaging/messages?pageSize=10', { bearer: body.jwt });
    assert.equal(history.json.entities.at(-1).metadata.authenticated, 'true');
    assert.equal((await rest('DELETE', 'webdeployments/token/revoke', { bearer: json.jwt })).status, 204);
    assert.equal((await guest.next()).body.direction, 'Outbound');
    assert.equal((await guest.next()).class, 'LogoutEvent');
    assert.deepEqual(await guest.closed, { code: 1000, reason: '' });
    assert.equal((await rest('POST', 'webdeployments/token/refresh', { body: { refreshToken } })).status, 401);
  });

  test('an ID token is traded for a JWT alone', async () => {
    const { idToken, nonce } = await sandbox.signIn({ subject: 'ada', implicit: true, nonce: 'n' });
    assert.equal(nonce, 'n');
    assert.deepEqual(Object.keys(await exchange({ idToken, nonce })), ['jwt']);
    const { codeVerifier } = await sandbox.signIn({ subject: 'ada', pkce: false });
    assert.equal(codeVerifier, undefined);
  });

  test('the public files of a deployment, and who may connect', async () => {
    const file = (name) => fetch(`${sandbox.cdn}/webdeployments/v1/deployments/${deploymentId}/${name}`);
    assert.deepEqual((await (await file('config.json')).json()).auth, { enabled: true, allowSessionUpgrade: true });
    await sandbox.deployments({ id: deploymentId, auth: true, domains: ['shop.example'] });
    assert.deepEqual((await (await file('domains.json')).json()).allowedDomains, ['shop.example']);
    await assert.rejects(connect(), /Unexpected server response: 403/);
    const guest = await connect({ origin: 'https://shop.example' });
    assert.equal((await guest.ask(configure(randomUUID()))).code, 401);
    await sandbox.fault({ route: 'socket', status: 503 });
    await assert.rejects(connect({ origin: 'https://shop.example' }), /503/);
    guest.close();
  });

  test('frames are recorded, and fail as scripted', async () => {
    const guest = await connect();
    const token = randomUUID();
    const fault = { action: 'configureSession', error: { code: 500, body: 'later' } };
    assert.equal(await sandbox.frameFault(fault), 1);
    assert.equal((await guest.ask(configure(token))).body, 'later');
    const others = [
      { class: 'SessionResponse', duplicate: 1 },
      { action: 'getJwt', cut: 'reset' },
    ];
    assert.deepEqual(await sandbox.frameFault(...others), [2, 3]);
    assert.deepEqual(await guest.ask(configure(token)), await guest.next());
    assert.deepEqual(
      (await sandbox.frameFaults()).map(({ applied }) => applied),
      [1, 1, 0],
    );
    await sandbox.clearFrameFaults(3);
    await sandbox.clearFrameFaults();
    assert.equal((await guest.ask({ action: 'getJwt', token })).class, 'JwtResponse');
    const { socket } = (await sandbox.messagingState()).sockets[0];
    const frames = await sandbox.frames({ socket, limit: 2 });
    assert.deepEqual(
      frames.map(({ from, kind }) => [from, kind]),
      [
        ['client', 'text'],
        ['server', 'text'],
      ],
    );
    assert.equal(JSON.parse(frames[0].text).action, 'getJwt');
    await sandbox.clearFrames();
    assert.deepEqual(await sandbox.frames(), []);
    await assert.rejects(sandbox.frameFault({ acton: 'x' }), /acton/);
    guest.close();
  });

  test('the other side speaks, ends conversations, sessions and sockets', async () => {
    const guest = await connect();
    const token = randomUUID();
    await guest.ask(configure(token));
    assert.equal(await sandbox.say('hello', token), 1);
    assert.equal((await guest.next()).body.text, 'hello');
    assert.equal(await sandbox.disconnect(token), 1);
    assert.equal((await guest.next()).body.metadata.readOnly, 'true');
    assert.equal(await sandbox.expireSessions(), 1);
    assert.equal((await guest.next()).class, 'SessionExpiredEvent');
    await sandbox.settings({ messaging: { limits: { requestsPerMinute: 0 } } });
    assert.equal((await guest.ask(configure(token))).class, 'TooManyRequestsErrorMessage');
    assert.equal(await sandbox.closeSockets({ code: 1012, reason: 'restart' }), 1);
    assert.deepEqual(await guest.closed, { code: 1012, reason: 'restart' });
    assert.equal(await sandbox.expireRefreshTokens(), 0);
    await sandbox.contacts({ 'ada@shop.example': { firstName: 'Ada' } });
    assert.equal((await sandbox.messagingState()).contacts['ada@shop.example'].firstName, 'Ada');
  });

  test('a configuration fits the real guest API', () => {
    const config = sandbox.config({ guestApi: 'web-messaging', contacts: true });
    assert.deepEqual([config.guestApi, config.contacts, 'crmBaseUrl' in config], ['web-messaging', true, false]);
    assert.equal(sandbox.config({ guestApi: 'web-messaging' }).crmBaseUrl, sandbox.crm);
  });
});

test('deployments of the start are the only ones, over TLS too', async () => {
  const deployments = [{ id: deploymentId, auth: true, upgrade: true, domains: ['shop.example', 'a.example'] }];
  const sandbox = await startSandbox({ tls: true, deployments });
  try {
    const known = (await sandbox.messagingState()).deployments[0];
    const { id, auth, upgrade, domains } = known;
    assert.deepEqual([{ id, auth, upgrade, domains }], deployments);
    const options = { origin: 'https://a.example', ca: sandbox.ca };
    const url = (id) => `${sandbox.messaging}?deploymentId=${id}`;
    assert.match(sandbox.messaging, /^wss:/);
    const guest = await Guest.connect(url(deploymentId), options);
    assert.equal((await guest.ask(configure(randomUUID()))).body.newSession, true);
    await assert.rejects(Guest.connect(url(randomUUID()), options), /403/);
    await sandbox.close();
    assert.equal((await guest.closed).code, 1001, 'a server that stops says so');
  } finally {
    await sandbox.close();
  }
});
