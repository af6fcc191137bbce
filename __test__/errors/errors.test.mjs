// Every failure has one class, one code and one message, whichever copy of the package made it, and shows who called.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { failure, guest, pkg, setup, startDouble } from '../helpers/setup.mjs';

const require = createRequire(import.meta.url);

const tree = {
  GuestConfigError: ['CONFIG_INVALID'],
  GuestValidationError: ['VALIDATION_FAILED'],
  DuplicateSessionError: ['DUPLICATE_SESSION'],
  SessionCapacityError: ['SESSION_CAPACITY'],
  OAuthError: ['OAUTH_FAILED'],
  GuestCreationError: ['GUEST_CREATION_FAILED'],
  GuestForbiddenError: ['FORBIDDEN', 'GuestCreationError'],
  GuestConflictError: ['CONFLICT', 'GuestCreationError'],
  RateLimitedError: ['RATE_LIMITED', 'GuestCreationError'],
  ChannelUnavailableError: ['CHANNEL_UNAVAILABLE'],
  TokenSignatureError: ['SIGNATURE_INVALID'],
  TokenRefreshError: ['REFRESH_FAILED'],
  NetworkError: ['NETWORK'],
  TimeoutError: ['TIMEOUT'],
  StoreUnavailableError: ['STORE_UNAVAILABLE'],
  ClosedError: ['CLOSED'],
  SdkNotInstalledError: ['SDK_NOT_INSTALLED'],
};

describe('the classes', () => {
  test('are a tree with GuestAuthError at its root', () => {
    for (const [name, [code, parent = 'GuestAuthError']] of Object.entries(tree)) {
      const Class = pkg[name];
      assert.equal(Object.getPrototypeOf(Class), pkg[parent], name);
      assert.equal(Class.name, name);
      const error = name === 'GuestValidationError' ? new Class([]) : new Class('told');
      for (const Base of [Class, pkg[parent], pkg.GuestAuthError, Error]) assert.ok(error instanceof Base, name);
      assert.deepEqual([error.code, error.retryable], [code, false]);
      if (name === 'GuestValidationError') continue;
      assert.deepEqual([error.name, error.message], [name, 'told']);
      assert.ok(error.stack.startsWith(`${name}: told\n`), error.stack);
      assert.deepEqual(Object.keys(error), ['code', 'retryable'], 'absent fields are absent');
      for (const other of Object.keys(tree)) {
        const related = other === name || other === parent;
        assert.equal(error instanceof pkg[other], related, `${name} and ${other}`);
      }
    }
  });

  test('can be constructed with the fields that the package gives', () => {
    const cause = new Error('underneath');
    const details = {
      retryable: true,
      status: 503,
      requestId: 'r',
      correlationId: 'c',
      attempts: 4,
      retryAfterMs: 1000,
      body: '{}',
    };
    const error = new pkg.GuestCreationError('told', { ...details, cause });
    assert.deepEqual({ ...error }, { code: 'GUEST_CREATION_FAILED', ...details });
    assert.equal(error.cause, cause);
    const name = 'GuestCreationError';
    assert.deepEqual(JSON.parse(JSON.stringify(error)), {
      name,
      message: 'told',
      code: 'GUEST_CREATION_FAILED',
      ...details,
    });
  });

  test('are the same by require and by import', async () => {
    const imported = await import('../../index.mjs');
    for (const name of Object.keys(pkg)) assert.equal(imported[name], pkg[name], name);
    assert.deepEqual(Object.keys(imported).sort(), Object.keys(pkg).sort());
    assert.equal(require('../../index.js'), pkg);
  });

  test('take nothing else for theirs', () => {
    const odd = [undefined, null, 5, 'text', Symbol('x'), {}, [], () => {}, new Error('x'), Object.create(null)];
    for (const value of odd) assert.equal(value instanceof pkg.GuestAuthError, false, inspect(value));
    for (const made of [null, 5, {}, Error]) {
      assert.equal({ constructor: made } instanceof pkg.GuestAuthError, false);
    }
    class Own extends pkg.OAuthError {}
    assert.ok(new Own('x') instanceof pkg.OAuthError);
    assert.equal(new pkg.OAuthError('x') instanceof Own, false);
  });
});

const correlation = { 'ININ-Correlation-Id': 'correlation-1' };
const body = { message: 'No.', code: 'bad.request', status: 400, errors: [{ field: 'channelId' }] };
const text = JSON.stringify(body);

/** A failure of `authenticateGuest`: the route and its answer, then the class, the message and the fields. */
const failures = {
  'OAuth is refused': [
    [
      'token',
      { status: 401, headers: correlation, body: { error: 'invalid_client', description: 'client not found' } },
    ],
    'OAuthError',
    'OAuth token acquisition failed: 401 {"error":"invalid_client","description":"client not found"}',
    {
      status: 401,
      attempts: 1,
      body: '{"error":"invalid_client","description":"client not found"}',
      hint: /^clientId and clientSecret must belong together/,
    },
  ],
  'OAuth answers text': [
    ['token', { status: 403, headers: correlation, body: 'go away' }],
    'OAuthError',
    'OAuth token acquisition failed: 403 go away',
    { status: 403, attempts: 1, body: 'go away' },
  ],
  'OAuth throttles': [
    [
      'token',
      {
        status: 400,
        headers: { ...correlation, 'Retry-After': '7' },
        body: { error: 'invalid_request', error_description: 'rate limit exceeded; too many requests' },
      },
    ],
    'OAuthError',
    'OAuth token acquisition failed: 400 ' +
      '{"error":"invalid_request","error_description":"rate limit exceeded; too many requests"}',
    {
      status: 400,
      attempts: 1,
      retryable: true,
      retryAfterMs: 7000,
      body: '{"error":"invalid_request","error_description":"rate limit exceeded; too many requests"}',
      hint: /^Call again after 7000 ms/,
    },
  ],
  'the guest is refused': [
    ['create', { status: 400, headers: correlation, body }],
    'GuestCreationError',
    `Guest creation failed: 400 ${text}`,
    { status: 400, attempts: 1, body: text },
  ],
  'the guest is refused in prose': [
    ['create', { status: 422, headers: correlation, body: 'not "so"\n' }],
    'GuestCreationError',
    'Guest creation failed: 422 "not \\"so\\"\\n"',
    { status: 422, attempts: 1, body: 'not "so"\n' },
  ],
  'the guest is refused without a word': [
    ['create', { status: 500, headers: correlation }],
    'GuestCreationError',
    'Guest creation failed: 500 ""',
    { status: 500, attempts: 1, body: '' },
  ],
  'the guest is forbidden': [
    ['create', { status: 403, headers: correlation, body }],
    'GuestForbiddenError',
    `Guest creation failed: 403 ${text}`,
    { status: 403, attempts: 1, body: text, hint: /role permit/ },
  ],
  'the guest exists': [
    ['create', { status: 409, headers: correlation, body }],
    'GuestConflictError',
    `Guest creation failed: 409 ${text}`,
    { status: 409, attempts: 1, body: text },
  ],
  'the API throttles': [
    ['create', { status: 429, headers: { ...correlation, 'Retry-After': '61' }, body }],
    'RateLimitedError',
    `Guest creation failed: 429 ${text}`,
    { status: 429, attempts: 1, retryable: true, retryAfterMs: 61_000, body: text, hint: /^Call again after 61000 ms/ },
  ],
  'the API is not ready, and did not take the request': [
    ['create', { status: 503, headers: { ...correlation, 'Retry-After': '61' }, body }],
    'GuestCreationError',
    `Guest creation failed: 503 ${text}`,
    { status: 503, attempts: 1, retryable: true, retryAfterMs: 61_000, body: text },
  ],
  'the API may have taken the request, or not': [
    ['create', { status: 503, headers: correlation, body }],
    'GuestCreationError',
    `Guest creation failed: 503 ${text}`,
    { status: 503, attempts: 1, body: text },
  ],
  'the answer is no guest': [
    ['create', { headers: correlation, body: { guestId: 'g', note: 'incomplete' } }],
    'GuestCreationError',
    'Guest creation failed: 200 {"guestId":"[redacted]","note":"[redacted]"}',
    {
      status: 200,
      attempts: 1,
      body: '{"guestId":"[redacted]","note":"[redacted]"}',
      cause: 'the answer holds no guest',
    },
  ],
  'the token was tampered with': [
    ['create', { headers: correlation, body: { guestId: 'g', token: 'body.0123456789abcdef', expiresIn: 60 } }],
    'TokenSignatureError',
    'Token signature verification failed. Payload may be tampered.',
    { status: 200, attempts: 1, body: '', hint: /^tokenSigningKey must be/ },
  ],
  'the channel is unknown': [
    ['channel', { status: 404, headers: correlation, body }],
    'ChannelUnavailableError',
    'Channel web is unknown or disabled',
    {},
  ],
};

describe('authenticateGuest, when', () => {
  for (const [what, [[route, answer], name, message, { cause, hint: advice, ...fields }]] of Object.entries(failures)) {
    test(what, async (t) => {
      const { double, auth } = await setup(t, { preflightChannel: route === 'channel', maxRetries: 0 });
      double.always(route, answer);
      const error = await failure(auth.authenticateGuest(guest()), pkg[name], tree[name][0]);
      assert.deepEqual([error.name, error.message], [name, message]);
      const sent = double.of('create')[0]?.headers['x-genesys-request-id'];
      const { requestId, hint, ...rest } = { ...error };
      if (advice) assert.match(hint, advice);
      else assert.equal(hint, undefined);
      if (sent) assert.equal(requestId, sent);
      const seen = fields.status === undefined ? {} : { correlationId: 'correlation-1' };
      assert.deepEqual(rest, { code: tree[name][0], retryable: false, ...seen, ...fields });
      assert.equal(error.cause?.message, cause);
      assert.deepEqual(JSON.parse(JSON.stringify(error)), { name, message, ...error });
    });
  }

  test('nobody listens', async (t) => {
    const double = await startDouble(t);
    const { auth } = await setup(t, { apiUrl: 'http://127.0.0.1:9', loginUrl: double.url, maxRetries: 1 });
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.match(error.message, /^Guest creation could not reach 127\.0\.0\.1:9: .*refused/i);
    assert.deepEqual([error.attempts, error.retryable, error.status], [2, true, undefined]);
    assert.match(error.cause.message, /refused/i);
  });

  test('the connection breaks', async (t) => {
    const { double, auth } = await setup(t);
    double.always('create', (exchange) => exchange.drop());
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.match(error.message, /^Guest creation lost its connection to 127\.0\.0\.1:\d+: /);
    assert.equal(error.cause.code, 'ECONNRESET');
    // A repetition could make a second guest.
    assert.deepEqual([error.attempts, error.retryable, double.of('create').length], [1, false, 1]);
  });

  test('the answer breaks off', async (t) => {
    const { double, auth } = await setup(t);
    for (const [coding, encode] of [
      ['identity', Buffer.from],
      ['gzip', gzipSync],
    ]) {
      double.next('create', async (exchange) => {
        const body = encode(JSON.stringify(double.guest(exchange.json)));
        const headers = { 'Content-Encoding': coding, 'Content-Length': body.length };
        exchange.response.writeHead(200, headers);
        await new Promise((resolve) => exchange.response.write(body.subarray(0, body.length / 2), resolve));
        exchange.drop();
      });
      const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
      assert.deepEqual([error.cause.code, error.hint, error.attempts], ['ECONNRESET', undefined, 1], error.message);
    }
  });

  test('no answer comes', async (t) => {
    const { double, auth } = await setup(t, { timeouts: { guestMs: 200 } });
    double.hold('create');
    const error = await failure(auth.authenticateGuest(guest()), pkg.TimeoutError, 'TIMEOUT');
    assert.match(error.message, /^Guest creation got no answer from 127\.0\.0\.1:\d+ within 2\d\d ms$/);
    assert.deepEqual([error.attempts, error.retryable, double.of('create').length], [1, false, 1]);
  });

  test('the whole call takes too long', async (t) => {
    const { double, auth } = await setup(t, { timeouts: { totalMs: 200 } });
    double.hold('token');
    const error = await failure(auth.authenticateGuest(guest()), pkg.TimeoutError, 'TIMEOUT');
    assert.match(error.message, /200 ms|no access token in time|no answer/);
    assert.equal(auth.metrics().liveSessions, 0);
  });

  test('the answer is too large', async (t) => {
    const { double, auth } = await setup(t);
    double.always('create', ({ json }) => ({ body: double.guest(json, { text: 'x'.repeat(1024 * 1024) }) }));
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.match(error.message, /^Guest creation got an answer over 1048576 bytes from 127\.0\.0\.1:\d+$/);
  });

  test('the body is long, it is cut to 4 KiB', async (t) => {
    const { double, auth } = await setup(t);
    double.next('create', { status: 400, body: 'é'.repeat(5000) }, { status: 400, body: { text: 'x'.repeat(5000) } });
    for (let i = 0; i < 2; i++) {
      const error = await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError);
      assert.equal(Buffer.byteLength(error.body), 4096);
      assert.ok(Buffer.byteLength(error.message) < 4200);
    }
  });

  test('it is closed', async (t) => {
    const { auth } = await setup(t);
    await auth.close();
    const error = await failure(auth.authenticateGuest(guest()), pkg.ClosedError, 'CLOSED');
    assert.deepEqual({ ...error }, { code: 'CLOSED', retryable: false });
  });
});

describe('the stack', () => {
  /** Frames of a caller with a name that nothing else has. */
  async function callerWithThisName(call) {
    await call();
  }

  test('names the caller, also after the call has waited', async (t) => {
    const { double, auth } = await setup(t, { maxRetries: 0 });
    for (const route of ['create', 'refresh']) double.always(route, { status: 400, body: {} });
    const payload = guest();
    const manager = new pkg.OAuthManager({ environment: double.url, clientId: 'a', clientSecret: 'b' });
    const calls = {
      creation: () => auth.authenticateGuest(payload),
      validation: () => auth.authenticateGuest({}),
      refresh: () => auth.rotateRefreshToken('token'),
      login: () => double.always('token', { status: 400, body: {} }) && manager.getAccessToken(),
    };
    for (const [what, call] of Object.entries(calls)) {
      const error = await failure(callerWithThisName(call), pkg.GuestAuthError);
      const frames = error.stack.split('\n').filter((line) => /^ {4}at /.test(line));
      const caller = frames.findIndex((line) => line.includes('callerWithThisName'));
      assert.ok(frames[caller]?.includes('errors.test.mjs'), `${what}: ${error.stack}`);
      // In front of it, at most the method that was called and the line of the test that calls it.
      assert.ok(caller <= 2, `${what}: ${error.stack}`);
    }
  });

  test('of the cause does not repeat it', async (t) => {
    const { double, auth } = await setup(t);
    double.always('create', { body: {} });
    const error = await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError);
    assert.equal(error.cause.stack, 'Error: the answer holds no guest');
    assert.match(inspect(error), /\[cause\]: .*the answer holds no guest/);
    assert.ok(!Object.keys(error).includes('cause'));
  });
});
