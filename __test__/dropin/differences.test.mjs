// Where the package does not follow the tutorial: one test for each row of the contract's list. Each shows both sides.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { plain } from './compare.mjs';
import { packageSubject, pkg, quietly, startSandbox, tutorialSubject } from './subjects.mjs';

const guest = (changes) => ({ email: 'jane@example.com', consent: true, channelId: 'web', ...changes });
const DUPLICATE = { message: 'Duplicate active session detected for this email and channel combination' };

describe('other than the tutorial', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  after(() => sandbox.close());
  beforeEach(() => sandbox.reset());

  /** The two, closed at the end of the test; `as published` with the fixture's options off. */
  function both(t, { theirs, ours } = {}) {
    const subjects = { tutorial: tutorialSubject(sandbox, theirs), package: packageSubject(sandbox, ours) };
    t.after(() => subjects.package.close());
    return subjects;
  }
  const AS_PUBLISHED = { options: {} };
  const total = async (route) => (await sandbox.counts()).routes[route].total;
  const arrivals = async (route) => (await sandbox.log({ route })).map(({ tMs }) => tMs);

  test('the signature covers the part before the last dot, not itself', async (t) => {
    const { tutorial, package: ours } = both(t, { theirs: AS_PUBLISHED });
    // It sends the creation again, which the server would refuse.
    await sandbox.settings({ conflicts: false });
    await assert.rejects(tutorial.tokens.createGuestSession(guest()), /Token signature verification failed/);
    await sandbox.reset();
    assert.match((await ours.tokens.createGuestSession(guest())).token, /\.[0-9a-f]{16}$/);
  });

  test('getAccessToken works wherever it is handed to', async (t) => {
    const { tutorial, package: ours } = both(t, { theirs: AS_PUBLISHED });
    await assert.rejects(tutorial.authenticator.authenticateGuest(guest()), TypeError);
    assert.equal((await sandbox.counts()).total, 0);
    const { getAccessToken } = ours.oauth;
    assert.equal(typeof (await getAccessToken()), 'string');
    assert.ok((await ours.authenticator.authenticateGuest(guest())).guestData.guestId);
  });

  test('a duplicate call leaves the live session alone', async (t) => {
    const { tutorial, package: ours } = both(t);
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await subject.authenticator.authenticateGuest(guest());
      await assert.rejects(subject.authenticator.authenticateGuest(guest()), DUPLICATE);
      // So that the server would have the third one.
      await sandbox.endGuests();
      const third = subject.authenticator.authenticateGuest(guest());
      if (subject === tutorial) assert.ok((await third).guestData);
      else await assert.rejects(third, DUPLICATE);
    }
    const again = ({ guard }) => ['a', 'b', 'c'].map((id) => guard.checkDuplicate('key', id));
    assert.deepEqual(
      [again(tutorial), again(ours)],
      [
        [false, true, false],
        [false, true, true],
      ],
    );
  });

  test('a failed creation gives the key back', async (t) => {
    const { tutorial, package: ours } = both(t);
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await sandbox.fault({ route: 'create', status: 400, body: {} });
      await assert.rejects(subject.authenticator.authenticateGuest(guest()), {
        message: 'Guest creation failed: 400 {}',
      });
      const second = subject.authenticator.authenticateGuest(guest());
      if (subject === tutorial) await assert.rejects(second, DUPLICATE);
      else assert.ok((await second).guestData);
    }
  });

  test('a session ends with its token', async (t) => {
    const { tutorial, package: ours } = both(t);
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await sandbox.settings({ expiresIn: 0.2, reportedExpiresIn: 0.2 });
      await subject.authenticator.authenticateGuest(guest());
      await sleep(400);
      const later = subject.authenticator.authenticateGuest(guest());
      if (subject === tutorial) await assert.rejects(later, DUPLICATE);
      else assert.ok((await later).guestData);
    }
  });

  test('only what is safe is sent again', async (t) => {
    const { tutorial, package: ours } = both(t, { theirs: AS_PUBLISHED });
    for (const fault of [
      { status: 400 },
      { status: 500 },
      { drop: 'after' },
      { body: { guestId: 'g', token: 'forged' } },
    ]) {
      const sent = [];
      for (const subject of [tutorial, ours]) {
        await sandbox.reset();
        await sandbox.fault({ route: 'create', count: null, ...fault });
        await assert.rejects(subject.tokens.createGuestSession(guest()));
        sent.push(await total('create'));
      }
      assert.deepEqual(sent, [4, 1], JSON.stringify(fault));
    }
  });

  test('the wait after a 429 is what the server asks for, else a random one', async (t) => {
    const BASE = 300;
    const { tutorial, package: ours } = both(t, { theirs: { options: { fixed: true, baseDelayMs: BASE } } });
    const waitOf = async (subject, fault) => {
      await sandbox.clearLog();
      await sandbox.fault({ route: 'create', status: 429, ...fault });
      await subject.authenticator.authenticateGuest(guest({ email: `${Math.random()}@example.com` }));
      const [first, second] = await arrivals('create');
      return second - first;
    };
    const asked = { headers: { 'retry-after': 1 } };
    assert.ok((await waitOf(tutorial, asked)) < 900, 'the tutorial does not read Retry-After');
    assert.ok((await waitOf(ours, asked)) >= 1000);

    for (let i = 0; i < 2; i += 1) assert.ok((await waitOf(tutorial, {})) >= BASE - 5);
    const waits = [];
    for (let i = 0; i < 8; i += 1) {
      const fresh = packageSubject(sandbox, { retryBaseDelayMs: BASE });
      waits.push(await waitOf(fresh, {}));
      await fresh.close();
    }
    // That all of eight draws lie in the upper fifth happens once in 390,000 runs.
    assert.ok(Math.min(...waits) < BASE * 0.8, `${waits}`);
  });

  test('callers that meet no token share one request', async (t) => {
    const { tutorial, package: ours } = both(t);
    const sent = [];
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      const guests = Array.from({ length: 20 }, (_, i) => guest({ email: `jane.${i}@example.com` }));
      await Promise.all(guests.map((one) => subject.authenticator.authenticateGuest(one)));
      sent.push(await total('token'));
    }
    assert.deepEqual(sent, [20, 1]);
  });

  test('attributes are PUT', async (t) => {
    const { tutorial, package: ours } = both(t, { theirs: { options: { fixed: true, attributes: undefined } } });
    const { written } = await quietly(() => tutorial.authenticator.authenticateGuest(guest({ attributes: { a: 1 } })));
    assert.equal(await total('attributes'), 0);
    assert.match(written[0][0], /^\[ENRICH\] Updating guest /);
    await sandbox.reset();
    const { guestData } = await ours.authenticator.authenticateGuest(guest({ attributes: { a: 1 } }));
    const [put] = await sandbox.log({ route: 'attributes' });
    assert.equal(`${put.method} ${put.path}`, `PUT /api/v2/engagements/guests/${guestData.guestId}`);
    assert.equal(put.body.replace(/\d{4}-[^"]+Z/g, ''), plain({ attributes: written[0][1] }).replaceAll('<time>', ''));
  });

  test('the latency is that of the whole call', async (t) => {
    const { tutorial, package: ours } = both(t);
    const latencies = [];
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await sandbox.latency({ create: 300 });
      const { analytics } = await subject.authenticator.authenticateGuest(guest());
      assert.equal(analytics.authLatencyMs, subject.audits[0].latencyMs);
      latencies.push(analytics.authLatencyMs);
    }
    assert.ok(latencies[0] < 290 && latencies[1] >= 300, `${latencies}`);
  });

  test('the address is masked, and the record says what is true of it', async (t) => {
    const seen = {};
    for (const auditEmail of [undefined, 'hashed', 'full']) {
      await sandbox.reset();
      const { tutorial, package: ours } = both(t, { ours: { auditEmail } });
      await ours.authenticator.authenticateGuest(guest());
      await sandbox.endGuests();
      await tutorial.authenticator.authenticateGuest(guest());
      const told = ({ audits: [{ email, complianceFlags }] }) => [email, complianceFlags.dataMinimizationApplied];
      assert.deepEqual(told(tutorial), ['jane@example.com', true]);
      seen[auditEmail ?? 'default'] = told(ours);
    }
    assert.match(seen.hashed[0], /^[0-9a-f]{64}$/);
    const expected = {
      default: ['j***@example.com', true],
      hashed: [seen.hashed[0], true],
      full: ['jane@example.com', false],
    };
    assert.deepEqual(seen, expected);
  });

  test('failures and ended sessions are audited too', async (t) => {
    const { tutorial, package: ours } = both(t);
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await sandbox.fault({ route: 'create', status: 403, body: {} });
      await assert.rejects(subject.authenticator.authenticateGuest(guest()));
      await assert.rejects(subject.authenticator.authenticateGuest(guest({ consent: false })));
      await subject.authenticator.invalidateSession('jane@example.com::web');
    }
    assert.deepEqual(tutorial.audits, []);
    assert.deepEqual(
      ours.audits.map(({ event, code, status, email }) => ({ event, code, status, email })),
      [
        { event: 'guest.authentication.failed', code: 'FORBIDDEN', status: 403, email: 'jane@example.com' },
        {
          event: 'guest.authentication.failed',
          code: 'VALIDATION_FAILED',
          status: undefined,
          email: 'jane@example.com',
        },
        { event: 'guest.session.invalidated', code: undefined, status: undefined, email: 'jane@example.com' },
      ],
    );
  });

  test('an analytics event outlives a failing webhook', async (t) => {
    const { tutorial, package: ours } = both(t);
    const received = [];
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await sandbox.fault({ route: 'webhook', status: 503 });
      const { written } = await quietly(() => subject.authenticator.authenticateGuest(guest()));
      if (subject === tutorial) assert.equal(written[0][0], '[SYNC] Analytics webhook failed:');
      await subject.settle();
      received.push((await sandbox.state()).webhookReceived);
    }
    assert.deepEqual(received, [0, 1]);
    const ids = (await sandbox.log({ route: 'webhook' })).map(({ headers }) => headers['webhook-id']);
    assert.equal(new Set(ids).size, 1);
  });

  test('the profile does not wait for the guest', async (t) => {
    const { tutorial, package: ours } = both(t);
    const gaps = [];
    for (const subject of [tutorial, ours]) {
      await sandbox.reset();
      await subject.oauth.getAccessToken();
      await sandbox.latency({ create: 300 });
      await subject.authenticator.authenticateGuest(guest());
      gaps.push((await arrivals('crm'))[0] - (await arrivals('create'))[0]);
    }
    assert.ok(gaps[0] >= 295 && gaps[1] < 250, `${gaps}`);
  });

  test('a refused login is told with its body', async (t) => {
    const { tutorial, package: ours } = both(t);
    const body = { error: 'invalid_client', description: 'client not found' };
    await sandbox.fault({ route: 'token', status: 401, body, count: null });
    const PREFIX = 'OAuth token acquisition failed: 401';
    for (const part of ['authenticator', 'oauth']) {
      const call = (subject) =>
        part === 'oauth' ? subject.oauth.getAccessToken() : subject.authenticator.authenticateGuest(guest());
      await assert.rejects(call(tutorial), { message: `${PREFIX} [object Object]` });
      await assert.rejects(call(ours), { message: `${PREFIX} ${JSON.stringify(body)}`, code: 'OAUTH_FAILED' });
    }
  });

  test('the SDK is one that exists', async (t) => {
    const { package: ours } = both(t);
    await assert.rejects(import('@genesyscloud/genesyscloud'), { code: 'ERR_MODULE_NOT_FOUND' });
    const { default: sdk } = await import('purecloud-platform-client-v2');
    const client = ours.authenticator.getSdkClient();
    assert.ok(client instanceof sdk.ApiClient.instance.constructor);
    assert.equal(client, ours.authenticator.getSdkClient());
  });

  test('errors have classes, and a refused refresh has a text of its own', async (t) => {
    const { tutorial, package: ours } = both(t);
    const axiosOnly = { name: 'AxiosError', message: 'Request failed with status code 404' };
    await assert.rejects(tutorial.tokens.rotateRefreshToken('never issued'), axiosOnly);
    await assert.rejects(ours.tokens.rotateRefreshToken('never issued'), (error) => {
      assert.ok(error instanceof pkg.TokenRefreshError);
      assert.match(error.message, /^Guest token refresh failed: 404 \{"message":"The refresh token is not known"/);
      return true;
    });
  });
});
