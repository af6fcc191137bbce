// The audit trail: one record for each outcome, true in every word, and a sink whose failures harm nobody.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, failure, guest, pkg, setup, startDouble, warningsOf } from '../helpers/setup.mjs';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A record without what differs from run to run, which is checked here. */
function steady({ timestamp, latencyMs, ...record }) {
  assert.match(timestamp, ISO);
  assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60_000);
  if (record.event !== 'guest.session.invalidated') assert.ok(Number.isInteger(latencyMs) && latencyMs >= 0);
  return record;
}

const flags = (gdprConsentRecorded, dataMinimizationApplied = true) => ({
  gdprConsentRecorded,
  dataMinimizationApplied,
  auditTrailGenerated: true,
});

describe('a record is written', () => {
  test('for every guest', async (t) => {
    const { double, auth, audits } = await setup(t);
    const { analytics } = await auth.authenticateGuest(guest({ email: 'jane.doe@example.com', channelId: 'chat' }));
    assert.deepEqual(Object.keys(audits[0]), [
      'event',
      'guestId',
      'email',
      'consent',
      'channelId',
      'latencyMs',
      'tokenExpiry',
      'enrichment',
      'requestId',
      'timestamp',
      'complianceFlags',
    ]);
    assert.equal(audits[0].latencyMs, analytics.authLatencyMs);
    assert.deepEqual(steady(audits[0]), {
      event: 'guest.authentication',
      guestId: 'guest-1',
      email: 'j***@example.com',
      consent: true,
      channelId: 'chat',
      tokenExpiry: 3600,
      enrichment: 'skipped',
      requestId: double.of('create')[0].headers['x-genesys-request-id'],
      complianceFlags: flags(true),
    });
  });

  const failures = {
    'no token': ['token', { status: 401, body: {} }, { code: 'OAUTH_FAILED', status: 401 }],
    'a refusal': ['create', { status: 400, body: {} }, { code: 'GUEST_CREATION_FAILED', status: 400 }],
    'a 403': ['create', { status: 403, body: {} }, { code: 'FORBIDDEN', status: 403 }],
    'a 409': ['create', { status: 409, body: {} }, { code: 'CONFLICT', status: 409 }],
    'a 429': [
      'create',
      { status: 429, headers: { 'Retry-After': '61' }, body: {} },
      { code: 'RATE_LIMITED', status: 429 },
    ],
    'a bad signature': [
      'create',
      { body: { guestId: 'g', token: 'a.b', expiresIn: 5 } },
      { code: 'SIGNATURE_INVALID', status: 200 },
    ],
    'a broken connection': ['create', (exchange) => exchange.drop(), { code: 'NETWORK' }],
    'no answer': ['create', () => undefined, { code: 'TIMEOUT' }],
    'an unknown channel': ['channel', { status: 404, body: {} }, { code: 'CHANNEL_UNAVAILABLE' }],
  };
  for (const [what, [route, answer, wanted]] of Object.entries(failures)) {
    test(`for a call that fails: ${what}`, async (t) => {
      const config = { preflightChannel: route === 'channel', timeouts: { guestMs: 200 } };
      const { double, auth, audits } = await setup(t, config);
      double.always(route, answer);
      const error = await failure(auth.authenticateGuest(guest({ email: 'jane@example.com' })), pkg.GuestAuthError);
      assert.equal(audits.length, 1);
      const { requestId, ...record } = steady(audits[0]);
      assert.equal(requestId, error.requestId);
      assert.equal(requestId, double.of('create')[0]?.headers['x-genesys-request-id'] ?? requestId);
      assert.deepEqual(record, {
        event: 'guest.authentication.failed',
        email: 'j***@example.com',
        consent: true,
        channelId: 'web',
        ...wanted,
        complianceFlags: flags(true),
      });
      assert.equal(error.code, wanted.code);
    });
  }

  test('for a duplicate, a full store, an abort, a closed instance', async (t) => {
    const { double, auth, audits } = await setup(t, { maxSessions: 1 });
    const payload = guest({ email: 'jane@example.com' });
    await auth.authenticateGuest(payload);
    await failure(auth.authenticateGuest(payload), pkg.DuplicateSessionError);
    await failure(auth.authenticateGuest(guest()), pkg.SessionCapacityError);
    await auth.invalidateSession(auth.getSessionKey(payload.email, 'web'));
    double.hold('create');
    const controller = new AbortController();
    const call = auth.authenticateGuest(payload, { signal: controller.signal });
    await double.arrival('create', 2);
    controller.abort();
    await assert.rejects(call, { name: 'AbortError' });
    await auth.close();
    await failure(auth.authenticateGuest(payload), pkg.ClosedError);
    assert.deepEqual(
      audits.map(({ event, code }) => [event.replace('guest.', ''), code]),
      [
        ['authentication', undefined],
        ['authentication.failed', 'DUPLICATE_SESSION'],
        ['authentication.failed', 'SESSION_CAPACITY'],
        ['session.invalidated', undefined],
        ['authentication.failed', 'ABORTED'],
        ['authentication.failed', 'CLOSED'],
      ],
    );
    for (const record of audits) assert.equal(steady(record).complianceFlags.dataMinimizationApplied, true);
  });

  const payloads = [
    [{ email: 'jane@example.com', consent: false, channelId: 'web' }, ['j***@example.com', false, 'web']],
    [{ email: 'jane@example.com', consent: true, channelId: '' }, ['j***@example.com', true, '']],
    [{ email: 'jane', consent: true, channelId: 'web' }, ['***', true, 'web']],
    [{ email: 5, consent: 'yes', channelId: null }, [null, false, null]],
    [{}, [null, false, null]],
    [null, [null, false, null]],
  ];
  for (const [payload, [email, consent, channelId]] of payloads) {
    test(`for a payload that is refused: ${JSON.stringify(payload)}`, async (t) => {
      const { auth, audits } = await setup(t);
      await failure(auth.authenticateGuest(payload), pkg.GuestValidationError);
      assert.deepEqual(steady(audits[0]), {
        event: 'guest.authentication.failed',
        email,
        consent,
        channelId,
        code: 'VALIDATION_FAILED',
        complianceFlags: flags(consent),
      });
    });
  }

  test('for every session that is ended, also one that nobody has', async (t) => {
    const { auth, audits } = await setup(t);
    await auth.invalidateSession('jane@example.com::web::2');
    await auth.invalidateSession('no session key');
    const ended = (email, channelId) => ({
      event: 'guest.session.invalidated',
      email,
      channelId,
      complianceFlags: flags(false),
    });
    assert.deepEqual(audits.map(steady), [ended('j***@example.com', 'web::2'), ended(null, null)]);
  });

  test('in the order of the outcomes, before the promise resolves', async (t) => {
    const { double, auth, audits } = await setup(t);
    const order = [];
    const held = double.hold('create');
    const payloads = Array.from({ length: 10 }, (_, i) => guest({ channelId: `${i}` }));
    const calls = payloads.map((payload) =>
      auth.authenticateGuest(payload).then(() => {
        order.push(payload.channelId);
        assert.ok(audits.some(({ channelId }) => channelId === payload.channelId));
      }),
    );
    await double.arrival('create', 10);
    held.release();
    await Promise.all(calls);
    assert.deepEqual(
      audits.map(({ channelId }) => channelId),
      order,
    );
  });
});

describe('the address in it is', () => {
  const email = 'Jane.Doe+tag@Example.com';
  const forms = {
    masked: ['J***@Example.com', true],
    hashed: [createHmac('sha256', 'client-secret').update(email.toLowerCase()).digest('hex'), true],
    full: [email, false],
  };
  for (const [auditEmail, [form, minimised]] of Object.entries(forms)) {
    test(`${auditEmail}, and the flags say so`, async (t) => {
      const { auth, audits } = await setup(t, { auditEmail });
      const payload = guest({ email });
      await auth.authenticateGuest(payload);
      await failure(auth.authenticateGuest(payload), pkg.DuplicateSessionError);
      for (const record of audits) {
        assert.equal(record.email, form);
        assert.deepEqual(record.complianceFlags, flags(true, minimised));
      }
      const { timestamp, ...rest } = audits[0];
      if (minimised) assert.doesNotMatch(JSON.stringify(rest), /jane|doe|tag/i);
    });
  }

  test('masked for short, foreign and odd ones', async (t) => {
    const { auth, audits } = await setup(t);
    const masks = {
      'a@example.com': 'a***@example.com',
      "o'neil@example.com": 'o***@example.com',
      'not an address': '***',
      '@example.com': '***',
      'a@b@c': 'a***@c',
      '😀smile@example.com': '😀***@example.com',
    };
    for (const address of Object.keys(masks)) await auth.authenticateGuest(guest({ email: address })).catch(() => {});
    assert.deepEqual(
      audits.map((record) => record.email),
      Object.values(masks),
    );
  });

  test('hidden whole where it is none and has anything else behind its @', async (t) => {
    const { auth, audits } = await setup(t);
    for (const address of ['me@home, Baker Street 221b', 'x@my name is Jane Doe', 'a@example.com\nSSN 078-05-1120']) {
      await failure(auth.authenticateGuest(guest({ email: address })), pkg.GuestValidationError);
    }
    for (const { email: shown } of audits) assert.doesNotMatch(shown, /Baker|Jane|SSN/);
  });
});

describe('a callback', () => {
  const failing = {
    'that throws': () => {
      throw new RangeError('canary');
    },
    'that rejects': async () => {
      throw new RangeError('canary');
    },
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried
    'that gives a thenable that fails': () => ({ then: (_, reject) => reject(new RangeError('canary')) }),
    'that gives a thenable that throws': () => ({
      // biome-ignore lint/suspicious/noThenProperty: as above
      get then() {
        throw new RangeError('canary');
      },
    }),
    'that throws nothing at all': () => {
      throw undefined;
    },
    'that throws an error without a proper name': () => {
      throw { name: Symbol('canary') };
    },
    'that throws an error that throws': () => {
      throw {
        get name() {
          throw new Error('canary');
        },
      };
    },
    'that rejects with an error that throws': async () => {
      throw {
        get name() {
          throw new Error('canary');
        },
      };
    },
  };
  for (const [what, auditLogCallback] of Object.entries(failing)) {
    test(`${what} harms no call, and is told of once`, async (t) => {
      const warnings = warningsOf(t);
      const rejections = [];
      const note = (reason) => rejections.push(reason);
      process.on('unhandledRejection', note);
      t.after(() => process.off('unhandledRejection', note));
      const { auth } = await setup(t, { auditLogCallback });
      for (let i = 0; i < 3; i++) assert.ok((await auth.authenticateGuest(guest())).guestData);
      await failure(auth.authenticateGuest({}), pkg.GuestValidationError);
      await auth.invalidateSession('a@example.com::web');
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(rejections, []);
      assert.equal(warnings.length, 1);
      assert.deepEqual([warnings[0].name, warnings[0].code], ['GenesysGuestAuthWarning', 'AUDIT_CALLBACK_FAILED']);
      assert.doesNotMatch(warnings[0].message, /canary/);
    });
  }

  test('that is slow delays nobody but itself', async (t) => {
    let finish;
    const pending = new Promise((resolve) => {
      finish = resolve;
    });
    const seen = [];
    const auditLogCallback = async (record) => {
      seen.push(record.event);
      await pending;
      seen.push('finished');
    };
    const { auth } = await setup(t, { auditLogCallback });
    await auth.authenticateGuest(guest());
    await auth.authenticateGuest(guest());
    await auth.close();
    assert.deepEqual(seen, ['guest.authentication', 'guest.authentication']);
    finish();
    await new Promise(setImmediate);
    assert.equal(seen.length, 4);
  });

  test('sees the AsyncLocalStorage context of the caller', async (t) => {
    const storage = new AsyncLocalStorage();
    const seen = new Map();
    const auditLogCallback = (record) => seen.set(record.channelId, storage.getStore());
    const { double, auth } = await setup(t, { auditLogCallback });
    double.next('create', ({ json }) => (json.channelId === '0' ? undefined : { body: double.guest(json) }));
    const call = (i, changes) =>
      storage.run({ request: i }, () => auth.authenticateGuest(guest({ channelId: `${i}`, ...changes })));
    const calls = Array.from({ length: 20 }, (_, i) => call(i + 1));
    await Promise.all([...calls, failure(call(21, { consent: false }), pkg.GuestValidationError)]);
    await storage.run({ request: 'end' }, () => auth.invalidateSession('a@example.com::end'));
    for (let i = 1; i <= 21; i++) assert.deepEqual(seen.get(`${i}`), { request: i });
    assert.deepEqual(seen.get('end'), { request: 'end' });
  });

  test('may do what it likes with the record', async (t) => {
    const auditLogCallback = (record) => {
      for (const key of Object.keys(record)) delete record[key];
      Object.freeze(record);
    };
    const { auth } = await setup(t, { auditLogCallback });
    const { guestData, analytics } = await auth.authenticateGuest(guest());
    assert.deepEqual([guestData.guestId, analytics.guestId], ['guest-1', 'guest-1']);
  });

  test('may call the authenticator', async (t) => {
    const again = [];
    const { auth } = await setup(t, {
      auditLogCallback: (record) => {
        if (record.channelId === 'web') again.push(auth.authenticateGuest(guest({ channelId: 'second' })));
      },
    });
    await auth.authenticateGuest(guest());
    assert.equal((await again[0]).guestData.channelId, 'second');
  });
});

describe('without a callback', () => {
  test('records go to console.log, word for word as in the tutorial', async (t) => {
    const double = await startDouble(t);
    const { stdout, stderr, code } = await run(
      `
        const log = console.log;
        console.log = (...args) => log(JSON.stringify(args));
        const auth = new pkg.GuestAuthenticator(config);
        auth.authenticateGuest(guest()).then(() => auth.authenticateGuest(guest())).catch(() => {});
      `,
      { config: configOf(double) },
    );
    assert.deepEqual([code, stderr], [0, '']);
    const lines = stdout.trim().split('\n').map(JSON.parse);
    assert.equal(lines.length, 2);
    for (const [i, args] of lines.entries()) {
      assert.equal(args.length, 2);
      assert.equal(args[0], '[AUDIT]');
      const record = JSON.parse(args[1]);
      assert.equal(record.event, i === 0 ? 'guest.authentication' : 'guest.authentication.failed');
      assert.equal(args[1], JSON.stringify(record, null, 2));
    }
  });
});
