// The main job against a real server: what is sent, what comes back, who is refused as a duplicate, and what is left when
// something fails on the way.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { failure, guest, pkg, setup, until } from '../helpers/setup.mjs';

const { ChannelUnavailableError, DuplicateSessionError, GuestAuthError, SessionCapacityError } = pkg;

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const EVERYWHERE = ['accept', 'accept-encoding', 'host', 'user-agent'];
const AUTHORISED = [...EVERYWHERE, 'authorization', 'x-genesys-request-id'];
const WITH_BODY = ['content-length', 'content-type'];

/** The names of the headers, in alphabetical order. */
const names = (...lists) => lists.flat().sort();

describe('a guest is authenticated', () => {
  /** A cold call with everything switched on, seen from both ends. */
  async function whole(t) {
    const { double, auth, audits } = await setup(t, { crm: true, webhook: true, preflightChannel: true });
    const payload = {
      attributes: { cart: [1, 'two', null], nested: { a: true } },
      name: 'Jürgen Groß',
      channelId: 'web chat/1?',
      unknown: 'dropped',
      consent: true,
      email: "O'Brien+tag@Example.com",
    };
    const unknown = { routing: { queue: { id: 7, skills: [] } }, 'x-unknown': null };
    double.always('create', ({ json }) => ({ status: 201, body: double.guest(json, unknown) }));
    const result = await auth.authenticateGuest(payload);
    await double.arrival('webhook');
    const sent = Object.fromEntries(double.exchanges.map((exchange) => [exchange.route, exchange]));
    return { double, auth, audits, payload, result, sent, unknown };
  }

  test('with one request of each kind, and no other', async (t) => {
    const { double } = await whole(t);
    assert.deepEqual(double.counts, { token: 1, channel: 1, create: 1, crm: 1, attributes: 1, webhook: 1 });
  });

  test('by exactly the requests of the contract', async (t) => {
    const { sent } = await whole(t);
    const line = ({ method, url }) => `${method} ${url}`;
    const headers = (exchange) => Object.keys(exchange.headers).sort();

    assert.equal(line(sent.token), 'POST /oauth/token');
    assert.deepEqual(headers(sent.token), names(EVERYWHERE, WITH_BODY));
    assert.equal(sent.token.headers['content-type'], 'application/x-www-form-urlencoded');
    assert.equal(
      sent.token.body,
      'grant_type=client_credentials&client_id=client-id&client_secret=client-secret&scope=guest%3Awrite+guest%3Aread',
    );

    assert.equal(line(sent.channel), 'GET /api/v2/journey/actions/channels/web%20chat%2F1%3F');
    assert.deepEqual(headers(sent.channel), names(AUTHORISED));

    assert.equal(line(sent.create), 'POST /api/v2/engagements/guests');
    assert.deepEqual(headers(sent.create), names(AUTHORISED, WITH_BODY));
    assert.equal(sent.create.headers.authorization, 'Bearer access-1');
    assert.equal(sent.create.headers['content-type'], 'application/json');
    assert.match(sent.create.headers['x-genesys-request-id'], UUID_V4);
    assert.equal(
      sent.create.body,
      '{"email":"O\'Brien+tag@Example.com","consent":true,"channelId":"web chat/1?","name":"Jürgen Groß",' +
        '"attributes":{"cart":[1,"two",null],"nested":{"a":true}}}',
    );

    assert.equal(line(sent.crm), 'GET /crm/profiles?email=O%27Brien%2Btag%40Example.com');
    assert.deepEqual(headers(sent.crm), names(EVERYWHERE));

    assert.equal(line(sent.attributes), 'PUT /api/v2/engagements/guests/guest-1');
    assert.deepEqual(headers(sent.attributes), names(AUTHORISED, WITH_BODY));
    assert.equal(sent.attributes.headers['content-type'], 'application/json');
    const { consentTimestamp } = sent.attributes.json.attributes;
    assert.match(consentTimestamp, ISO);
    assert.equal(
      sent.attributes.body,
      '{"attributes":{"cart":[1,"two",null],"nested":{"a":true},"customerId":"c-1","tier":"gold",' +
        `"lastInteraction":"2025-12-31T00:00:00.000Z","consentTimestamp":"${consentTimestamp}",` +
        '"authMethod":"guest-api","sessionVersion":"1.0"}}',
    );

    assert.equal(line(sent.webhook), 'POST /hook');
    assert.equal(sent.webhook.headers['content-type'], 'application/json');
    assert.equal(sent.webhook.headers.authorization, undefined);
    assert.equal(sent.webhook.headers['webhook-signature'], undefined);
    assert.deepEqual(Object.keys(sent.webhook.json), [
      'guestId',
      'email',
      'channelId',
      'crmTier',
      'authLatencyMs',
      'timestamp',
    ]);
  });

  test('and the whole answer comes back, with fields that nobody knows', async (t) => {
    const { result, unknown, double } = await whole(t);
    assert.deepEqual(result.guestData, {
      guestId: 'guest-1',
      token: double.sign('body-1'),
      expiresIn: 3600,
      refreshToken: 'refresh-1',
      email: "O'Brien+tag@Example.com",
      consent: true,
      channelId: 'web chat/1?',
      createdDate: '2026-01-02T03:04:05.678Z',
      ...unknown,
    });
    assert.deepEqual(Object.keys(result), ['guestData', 'analytics']);
  });

  test('and analytics and audit tell of it', async (t) => {
    const { result, sent, audits } = await whole(t);
    const { authLatencyMs, timestamp, ...analytics } = result.analytics;
    assert.deepEqual(analytics, {
      guestId: 'guest-1',
      email: "O'Brien+tag@Example.com",
      channelId: 'web chat/1?',
      crmTier: 'gold',
    });
    assert.ok(Number.isInteger(authLatencyMs) && authLatencyMs >= 0);
    assert.match(timestamp, ISO);
    assert.deepEqual(sent.webhook.json, result.analytics);
    assert.equal(audits.length, 1);
    const [{ requestId, timestamp: audited, latencyMs, ...record }] = audits;
    assert.match(audited, ISO);
    assert.equal(latencyMs, authLatencyMs);
    assert.equal(requestId, sent.create.headers['x-genesys-request-id']);
    assert.deepEqual(record, {
      event: 'guest.authentication',
      guestId: 'guest-1',
      email: 'O***@Example.com',
      consent: true,
      channelId: 'web chat/1?',
      tokenExpiry: 3600,
      enrichment: 'applied',
      complianceFlags: { gdprConsentRecorded: true, dataMinimizationApplied: true, auditTrailGenerated: true },
    });
  });

  test('with two round trips and four requests once it is warm', async (t) => {
    const { double, auth } = await setup(t, { crm: true, webhook: true, preflightChannel: true });
    await auth.authenticateGuest(guest());
    await double.arrival('webhook');
    const before = double.exchanges.length;
    const [create, crm] = [double.hold('create'), double.hold('crm')];
    const call = auth.authenticateGuest(guest());
    // Neither is answered before both are there: they do not wait for one another.
    await Promise.all([double.arrival('create', 2), double.arrival('crm', 2)]);
    create.release();
    crm.release();
    await call;
    await double.arrival('webhook', 2);
    const routes = double.exchanges.slice(before).map(({ route }) => route);
    assert.deepEqual(routes.sort(), ['attributes', 'create', 'crm', 'webhook']);
  });

  test('and the latency covers the whole call, from the creation to the attributes', async (t) => {
    const { double, auth } = await setup(t, { crm: true });
    for (const route of ['create', 'attributes']) {
      const answer = route === 'create' ? ({ json }) => ({ body: double.guest(json) }) : () => ({ body: {} });
      double.always(route, (exchange) => new Promise((done) => setTimeout(() => done(answer(exchange)), 60)));
    }
    const { analytics } = await auth.authenticateGuest(guest());
    assert.ok(analytics.authLatencyMs >= 118, `${analytics.authLatencyMs} ms`);
  });

  test('with objects of another realm, as test runners have them', async (t) => {
    const { double, config } = await setup(t);
    const foreign = (text) => runInNewContext(`(${text})`);
    const auth = new pkg.GuestAuthenticator(foreign(JSON.stringify({ ...config, timeouts: { totalMs: 5000 } })));
    t.mock.method(console, 'log', () => {});
    const attributes = "{ list: [1, undefined], at: new Date(0), map: new Map([[1, 2]]), half: '\\ud800' }";
    const payload = foreign(
      `{ email: 'jane@example.com', consent: true, channelId: 'web', attributes: ${attributes} }`,
    );
    await auth.authenticateGuest(payload);
    const expected = '{"list":[1,null],"at":"1970-01-01T00:00:00.000Z","map":{},"half":"\\ud800"}';
    assert.ok(double.of('create')[0].body.endsWith(`"attributes":${expected}}`), double.of('create')[0].body);
  });

  test('and what the caller changes after the call has no effect', async (t) => {
    const { double, auth } = await setup(t);
    const payload = guest({ attributes: { a: 1 } });
    const call = auth.authenticateGuest(payload);
    payload.channelId = 'other';
    payload.attributes.a = 2;
    await call;
    assert.deepEqual(double.of('create')[0].json.attributes, { a: 1 });
    assert.equal(double.of('create')[0].json.channelId, 'web');
  });
});

describe('a session', () => {
  const duplicate = (call) => failure(call, DuplicateSessionError, 'DUPLICATE_SESSION');

  test('is refused a second time, and a third', async (t) => {
    const { double, auth } = await setup(t);
    const payload = guest();
    await auth.authenticateGuest(payload);
    for (let i = 0; i < 3; i++) {
      const error = await duplicate(auth.authenticateGuest(payload));
      assert.equal(error.message, 'Duplicate active session detected for this email and channel combination');
    }
    assert.equal(double.of('create').length, 1);
    assert.equal(auth.metrics().duplicates, 3);
  });

  test('is the same in whatever case the address is written, and another one on another channel', async (t) => {
    const { auth } = await setup(t);
    await auth.authenticateGuest(guest({ email: 'Someone@Example.com' }));
    await duplicate(auth.authenticateGuest(guest({ email: 'sOMEONE@eXAMPLE.COM' })));
    await auth.authenticateGuest(guest({ email: 'someone@example.com', channelId: 'Web' }));
    assert.equal(auth.getSessionKey('Someone@Example.com', 'Web'), 'someone@example.com::Web');
  });

  test('is another one for every channel, also for names that are no proper text', async (t) => {
    const { auth } = await setup(t);
    const channels = ['\ud800', '\ud801', '\ufffd', ' ', '::', '\u0000'];
    for (const channelId of channels) await auth.authenticateGuest(guest({ email: 'jane@example.com', channelId }));
    for (const channelId of channels) {
      await duplicate(auth.authenticateGuest(guest({ email: 'jane@example.com', channelId })));
      await auth.invalidateSession(auth.getSessionKey('jane@example.com', channelId));
      await auth.authenticateGuest(guest({ email: 'jane@example.com', channelId }));
    }
    assert.equal(auth.metrics().liveSessions, channels.length);
  });

  test('goes to one of 50 equal calls', async (t) => {
    const { double, auth } = await setup(t);
    const payload = guest();
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => auth.authenticateGuest(payload)));
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 49);
    for (const { reason } of refused) assert.ok(reason instanceof DuplicateSessionError, reason);
    assert.equal(double.of('create').length, 1);
  });

  test('ends with its token', async (t) => {
    const { double, auth } = await setup(t);
    double.next('create', ({ json }) => ({ body: double.guest(json, { expiresIn: 1 }) }));
    const payload = guest();
    await auth.authenticateGuest(payload);
    await duplicate(auth.authenticateGuest(payload));
    await until(() => auth.metrics().liveSessions === 0, 'the session expires');
    const { guestData } = await auth.authenticateGuest(payload);
    assert.equal(guestData.guestId, 'guest-2');
  });

  test('ends when it is invalidated', async (t) => {
    const { auth } = await setup(t);
    const payload = guest();
    await auth.authenticateGuest(payload);
    assert.equal(await auth.invalidateSession(auth.getSessionKey(payload.email.toUpperCase(), 'web')), undefined);
    await auth.authenticateGuest(payload);
    await auth.invalidateSession('nobody@example.com::web');
    await duplicate(auth.authenticateGuest(payload));
  });

  test('that is invalidated during its call belongs to whoever comes next', async (t) => {
    const { double, auth } = await setup(t);
    const payload = guest();
    const open = [];
    // The first guest is short-lived: its end must not be taken for the end of the second one's reservation.
    for (const expiresIn of [0, 3600]) {
      const gate = new Promise((resolve) => open.push(resolve));
      double.next('create', ({ json }) => gate.then(() => ({ body: double.guest(json, { expiresIn }) })));
    }
    const first = auth.authenticateGuest(payload);
    await double.arrival('create', 1);
    await auth.invalidateSession(auth.getSessionKey(payload.email, payload.channelId));
    const second = auth.authenticateGuest(payload);
    await double.arrival('create', 2);
    open[0]();
    await first;
    await duplicate(auth.authenticateGuest(payload));
    open[1]();
    await second;
    await duplicate(auth.authenticateGuest(payload));
    assert.equal(auth.metrics().liveSessions, 1);
  });

  test('is refused when there is no room for it', async (t) => {
    const { double, auth } = await setup(t, { maxSessions: 2 });
    const first = guest();
    await Promise.all([auth.authenticateGuest(first), auth.authenticateGuest(guest())]);
    const late = guest();
    await failure(auth.authenticateGuest(late), SessionCapacityError, 'SESSION_CAPACITY');
    assert.equal(double.of('create').length, 2);
    await auth.invalidateSession(auth.getSessionKey(first.email, first.channelId));
    await auth.authenticateGuest(late);
  });

  const failures = {
    'no access token': ['token', { status: 400, body: { error: 'invalid_client' } }],
    'an access token that is none': ['token', { body: '<html>' }],
    'creation refused': ['create', { status: 400, body: {} }],
    'creation forbidden': ['create', { status: 403, body: {} }],
    'nothing there': ['create', { status: 404, body: {} }],
    'an unresolved conflict': ['create', { status: 409, body: {} }],
    'a server error': ['create', { status: 500, body: {} }],
    'a redirect': ['create', { status: 307, headers: { Location: '/elsewhere' } }],
    'an answer that is no JSON': ['create', { body: 'hello' }],
    'an answer that is no guest': ['create', { body: { guestId: 'g' } }],
    'an answer that is too large': ['create', { body: ' '.repeat(1024 * 1024 + 1) }],
    'a lost connection': ['create', (exchange) => exchange.drop()],
    'no answer in time': ['create', () => undefined],
    'a bad signature': ['create', { body: { guestId: 'g', token: 'body.0123456789abcdef', expiresIn: 60 } }],
    'an unknown channel': ['channel', { status: 404, body: {} }],
  };
  for (const [what, [route, answer]] of Object.entries(failures)) {
    test(`is free again after ${what}`, async (t) => {
      const { double, auth } = await setup(t, { preflightChannel: route === 'channel', timeouts: { guestMs: 300 } });
      double.next(route, answer);
      const payload = guest({ channelId: what });
      await failure(auth.authenticateGuest(payload), GuestAuthError);
      assert.equal(auth.metrics().liveSessions, 0);
      // A second one gets as far as the first: no duplicate.
      const again = await auth.authenticateGuest(payload).catch((error) => error);
      if (route === 'channel') assert.ok(again instanceof ChannelUnavailableError);
      else assert.equal(again.guestData?.email, payload.email, again);
    });
  }

  test('is never reserved for a payload that is refused', async (t) => {
    const { double, auth } = await setup(t);
    await failure(auth.authenticateGuest(guest({ consent: false })), pkg.GuestValidationError);
    assert.deepEqual([double.exchanges.length, auth.metrics().liveSessions], [0, 0]);
  });
});
