// Analytics events on disk: what is delivered, when, in which order, and what becomes of what is not.

import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { failure, guest, pkg, setup, startDouble, until, warningsOf } from '../helpers/setup.mjs';
import { deliveries, outboxFile, setupOutbox } from './setup.mjs';

const { GuestConfigError, GuestContextEnricher, StoreUnavailableError, ClosedError } = pkg;

/** Waits, in milliseconds, that a test cannot see the end of. */
const NEVER = [3_600_000];

const analytics = (auth) => auth.metrics().analytics;

/** When nothing waits any more; what an instance has found in its file is counted from the first flush on. */
async function settled(auth) {
  await auth.flush();
  await until(() => analytics(auth).pending === 0, 'nothing waits');
}

const enrich = (enricher, guestId, email = 'a@example.com') =>
  enricher.enrichAndSync({ guestId, expiresIn: 60 }, { email, consent: true, channelId: 'web' });

describe('an event on disk', () => {
  test('is delivered, and forgotten', async (t) => {
    const { double, open, path } = await setupOutbox(t);
    const auth = open();
    const { analytics: event } = await auth.authenticateGuest(guest());
    await auth.flush();
    assert.deepEqual(double.of('webhook')[0].json, event);
    assert.match(deliveries(double)[0].id, /^msg_[0-9a-f]{32}$/);
    assert.deepEqual(analytics(auth), { pending: 0, delivered: 1, failed: 0, deadLettered: 0, storedBytes: 0 });
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test('outlives the instance, under the same id, and goes out by itself', async (t) => {
    const { double, open } = await setupOutbox(t, { retryDelaysMs: [100] });
    double.always('webhook', { status: 500 });
    const first = open();
    await first.authenticateGuest(guest());
    await first.flush();
    assert.equal(analytics(first).pending, 1);
    await first.close();
    double.always('webhook', { status: 204 });
    const before = double.of('webhook').length;
    await settled(open());
    assert.equal(double.of('webhook').length, before + 1);
    assert.deepEqual(deliveries(double).at(-1), deliveries(double)[0]);
    assert.equal(double.of('webhook').at(-1).body, double.of('webhook')[0].body);
  });

  test('waits for its time across a restart', async (t) => {
    const { double, open } = await setupOutbox(t, { retryDelaysMs: NEVER });
    double.next('webhook', { status: 500 });
    const first = open();
    await first.authenticateGuest(guest());
    await first.flush();
    await first.close();
    const second = open();
    await second.authenticateGuest(guest());
    await second.flush();
    assert.equal(double.of('webhook').length, 2);
    assert.deepEqual([analytics(second).pending, analytics(second).delivered], [1, 1]);
  });

  test('verifies as Standard Webhooks after a restart', async (t) => {
    const analyticsSigningSecret = `whsec_${Buffer.from('a secret of the outbox').toString('base64')}`;
    const { double, open } = await setupOutbox(t, { retryDelaysMs: [1] });
    double.always('webhook', { status: 503 });
    const first = open({ analyticsSigningSecret });
    await first.authenticateGuest(guest());
    await first.close();
    double.always('webhook', { status: 204 });
    const before = double.of('webhook').length;
    await settled(open({ analyticsSigningSecret }));
    assert.equal(double.of('webhook').length, before + 1);
    const { body, headers } = double.of('webhook').at(-1);
    assert.equal(new Webhook(analyticsSigningSecret).verify(body, headers).guestId, JSON.parse(body).guestId);
    assert.throws(() => new Webhook(analyticsSigningSecret).verify(`${body} `, headers));
  });

  /** Three events of one guest and one of another, where the first attempt fails; who was sent, in order. */
  async function sent(t, retryDelaysMs, count) {
    const double = await startDouble(t);
    const options = { outbox: { path: outboxFile(t), retryDelaysMs } };
    const enricher = new GuestContextEnricher('', `${double.url}/hook`, () => {}, options);
    t.after(() => enricher.close({ timeoutMs: 0 }));
    double.next('webhook', { status: 500 });
    await enrich(enricher, 'one', 'first@example.com');
    await double.arrival('webhook', 1);
    await enrich(enricher, 'one', 'second@example.com');
    await enrich(enricher, 'one', 'third@example.com');
    await enrich(enricher, 'two', 'other@example.com');
    await double.arrival('webhook', count);
    await enricher.close();
    return double.of('webhook').map(({ json }) => json.email.split('@')[0]);
  }

  test('of a guest waits for the former one', async (t) => {
    const names = await sent(t, [20], 5);
    assert.deepEqual(
      names.filter((name) => name !== 'other'),
      ['first', 'first', 'second', 'third'],
    );
  });

  test('of another guest flows past', async (t) => {
    assert.deepEqual(await sent(t, NEVER, 2), ['first', 'other']);
  });
});

describe('a webhook that refuses', () => {
  for (const status of [410, 400, 401, 404, 413]) {
    test(`with ${status} makes a dead letter at once`, async (t) => {
      const warnings = warningsOf(t);
      const { double, open } = await setupOutbox(t, { retryDelaysMs: [1] });
      double.next('webhook', { status });
      const auth = open();
      const { analytics: event } = await auth.authenticateGuest(guest());
      await auth.flush();
      assert.equal(double.of('webhook').length, 1);
      const [letter] = await auth.deadLetters();
      assert.deepEqual(
        { ...letter, firstAttempt: letter.lastAttempt },
        {
          id: deliveries(double)[0].id,
          guestId: event.guestId,
          event,
          reason: `status ${status}`,
          status,
          attempts: 1,
          firstAttempt: letter.lastAttempt,
          lastAttempt: letter.lastAttempt,
        },
      );
      assert.equal(new Date(letter.firstAttempt).toISOString(), letter.firstAttempt);
      assert.deepEqual([analytics(auth).pending, analytics(auth).deadLettered, analytics(auth).failed], [0, 1, 1]);
      await until(() => warnings.length > 0, 'there is a warning');
      assert.equal(warnings[0].code, 'ANALYTICS_DEAD_LETTER');
      assert.ok(!warnings[0].message.includes('@'), warnings[0].message);
    });
  }

  for (const status of [408, 425, 429, 500, 503]) {
    test(`with ${status} is asked again`, async (t) => {
      const { double, open } = await setupOutbox(t, { retryDelaysMs: [1] });
      double.next('webhook', { status }, { status });
      const auth = open();
      await auth.authenticateGuest(guest());
      await settled(auth);
      assert.equal(new Set(deliveries(double).map(({ id }) => id)).size, 1);
      assert.equal(double.of('webhook').length, 3);
    });
  }

  for (const status of [429, 503]) {
    test(`with ${status} and Retry-After holds back everybody until then`, async (t) => {
      const { double, open } = await setupOutbox(t, { retryDelaysMs: [1] });
      double.next('webhook', { status, headers: { 'Retry-After': '2' } });
      const auth = open();
      await auth.authenticateGuest(guest());
      await auth.flush();
      const asked = performance.now();
      await Promise.all([auth.authenticateGuest(guest()), auth.authenticateGuest(guest())]);
      await auth.flush();
      assert.equal(double.of('webhook').length, 1);
      await settled(auth);
      assert.equal(double.of('webhook').length, 4);
      assert.ok(performance.now() - asked > 1000, 'most of the time that was asked for has passed');
    });
  }

  test('for longer than maxAgeMs makes a dead letter', async (t) => {
    const { double, open } = await setupOutbox(t, { retryDelaysMs: [20], maxAgeMs: 100 });
    double.always('webhook', (exchange) => exchange.drop());
    const auth = open();
    await auth.authenticateGuest(guest());
    await until(() => analytics(auth).deadLettered === 1, 'it is given up');
    const [letter] = await auth.deadLetters();
    assert.equal(letter.attempts, double.of('webhook').length);
    assert.ok(letter.attempts >= 5 && letter.attempts <= 8, `${letter.attempts} attempts`);
    assert.equal(letter.status, undefined);
    assert.ok(letter.firstAttempt <= letter.lastAttempt);
  });
});

describe('dead letters', () => {
  async function dead(t, count, outbox = {}) {
    const stage = await setupOutbox(t, outbox);
    stage.double.always('webhook', { status: 410 });
    const auth = stage.open();
    for (let i = 0; i < count; i++) await auth.authenticateGuest(guest());
    await until(() => analytics(auth).deadLettered === count, 'all are dead letters');
    stage.double.always('webhook', { status: 204 });
    return { ...stage, auth, letters: await auth.deadLetters() };
  }

  test('outlive the instance, oldest first', async (t) => {
    const { auth, open, letters } = await dead(t, 3);
    await auth.close();
    const second = open();
    assert.deepEqual(await second.deadLetters(), letters);
    assert.deepEqual([analytics(second).pending, analytics(second).deadLettered], [0, 3]);
    assert.ok(analytics(second).storedBytes > 300);
  });

  test('come in pages', async (t) => {
    const { auth, letters } = await dead(t, 5);
    const ids = letters.map(({ id }) => id);
    const page = async (options) => (await auth.deadLetters(options)).map(({ id }) => id);
    assert.deepEqual(await page({ limit: 2 }), ids.slice(0, 2));
    assert.deepEqual(await page({ limit: 2, after: ids[1] }), ids.slice(2, 4));
    assert.deepEqual(await page({ limit: 2, after: ids[3] }), ids.slice(4));
    assert.deepEqual(await page({ after: ids[0] }), ids.slice(1));
    assert.deepEqual(await page({ after: ids[4] }), []);
    assert.deepEqual(await page({ limit: undefined, after: undefined }), ids);
    await auth.discardDeadLetters([ids[1]]);
    assert.deepEqual(await page({ after: ids[1] }), ids.slice(2));
    const unknown = await failure(auth.deadLetters({ after: 'msg_1' }), GuestConfigError, 'CONFIG_INVALID');
    assert.equal(unknown.message, 'after must be the id of a dead letter');
    for (const limit of [0, -1, 1.5, '2', Number.NaN, null])
      await assert.rejects(auth.deadLetters({ limit }), TypeError);
    for (const after of [1, null, {}]) await assert.rejects(auth.deadLetters({ after }), TypeError);
  });

  test('are sent again, all or some, under their ids', async (t) => {
    const { double, auth, letters } = await dead(t, 3);
    const ids = letters.map(({ id }) => id);
    assert.equal(await auth.redeliver([ids[1], 'unknown']), 1);
    await settled(auth);
    assert.deepEqual(
      (await auth.deadLetters()).map(({ id }) => id),
      [ids[0], ids[2]],
    );
    assert.equal(await auth.redeliver([]), 0);
    assert.equal(await auth.redeliver(), 2);
    await settled(auth);
    assert.deepEqual(new Set(deliveries(double).map(({ id }) => id)), new Set(ids));
    assert.equal(double.of('webhook').length, 6);
    assert.equal(await auth.redeliver(), 0);
    assert.deepEqual(await auth.deadLetters(), []);
    assert.equal(analytics(auth).storedBytes, 0);
  });

  test('can be thrown away, which makes room', async (t) => {
    const { auth, letters } = await dead(t, 2, { maxEvents: 2 });
    const error = await failure(auth.authenticateGuest(guest()), StoreUnavailableError, 'STORE_UNAVAILABLE');
    assert.match(error.message, /^The outbox is full \(outbox.maxEvents\): 0 events wait and 2 are dead letters/);
    assert.equal(await auth.discardDeadLetters([letters[0].id]), 1);
    await auth.authenticateGuest(guest());
    assert.equal(await auth.discardDeadLetters(), 1);
    assert.deepEqual(await auth.deadLetters(), []);
  });

  test('need a file', async (t) => {
    const { auth } = await setup(t, { webhook: true });
    for (const call of [() => auth.deadLetters(), () => auth.redeliver(), () => auth.discardDeadLetters()]) {
      const error = await failure(call(), GuestConfigError, 'CONFIG_INVALID');
      assert.match(error.message, /^outbox.path is required/);
    }
    for (const ids of ['msg_1', [1], 5, null, {}]) await assert.rejects(auth.redeliver(ids), TypeError);
  });

  test('of a closed instance are out of reach', async (t) => {
    const { auth } = await dead(t, 1);
    await auth.close();
    await failure(auth.deadLetters(), ClosedError, 'CLOSED');
    await failure(auth.redeliver(), ClosedError, 'CLOSED');
  });

  test('are those of an enricher, too', async (t) => {
    const double = await startDouble(t);
    double.next('webhook', { status: 410 });
    const outbox = { path: outboxFile(t) };
    const enricher = new GuestContextEnricher('', `${double.url}/hook`, () => {}, { outbox });
    t.after(() => enricher.close({ timeoutMs: 0 }));
    await enrich(enricher, 'g-1');
    await until(async () => (await enricher.deadLetters()).length === 1, 'it is a dead letter');
    assert.equal(await enricher.redeliver(), 1);
    await double.arrival('webhook', 2);
    await until(async () => (await enricher.deadLetters()).length === 0, 'it is none any more');
    assert.equal(await enricher.discardDeadLetters(), 0);
  });
});

describe('a full outbox', () => {
  test('refuses a guest before anything is sent, and takes the next one when there is room', async (t) => {
    const { double, open } = await setupOutbox(t, { maxEvents: 2 });
    const held = double.hold('webhook');
    const auth = open();
    await auth.authenticateGuest(guest());
    await auth.authenticateGuest(guest());
    const created = double.of('create').length;
    const refused = guest();
    const error = await failure(auth.authenticateGuest(refused), StoreUnavailableError, 'STORE_UNAVAILABLE');
    assert.match(error.message, /^The outbox is full \(outbox.maxEvents\): 2 events wait and 0 are dead/);
    assert.equal(error.retryable, true);
    assert.equal(double.of('create').length, created);
    held.release();
    await settled(auth);
    await auth.authenticateGuest(refused);
  });

  test('counts calls under way', async (t) => {
    const { double, open } = await setupOutbox(t, { maxEvents: 3 });
    const auth = open();
    const held = double.hold('create');
    const calls = Array.from({ length: 5 }, () => auth.authenticateGuest(guest()));
    const refused = calls.slice(3).map((call) => failure(call, StoreUnavailableError));
    await Promise.all(refused);
    held.release();
    await Promise.all(calls.slice(0, 3));
    assert.equal(double.of('create').length, 3);
    assert.equal(auth.metrics().failed.STORE_UNAVAILABLE, 2);
  });
});
