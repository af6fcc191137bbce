// Compressed answers: understood within the limit, or named.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import zlib from 'node:zlib';
import { failure, guest, pkg, setup } from '../helpers/setup.mjs';

const MIB = 1024 * 1024;

/** What says what went wrong. */
const wordsOf = ({ message, hint, cause }) => [message, hint, cause?.message].filter(Boolean).join(' ');

const CODINGS = {
  gzip: ['gzip', zlib.gzipSync],
  'deflate, in the zlib format': ['deflate', zlib.deflateSync],
};

/** The true answer, compressed. */
const coded = (coding, compress, answer, more) => ({
  ...more,
  headers: { 'Content-Encoding': coding },
  body: compress(typeof answer === 'string' ? answer : JSON.stringify(answer)),
});

const TOKEN = { access_token: 'access-1', expires_in: 3600 };
const PROFILE = { customerId: 'c-1', tier: 'gold', lastInteraction: '2025-12-31T00:00:00.000Z' };

/** Routes whose answer is read, and that answer. */
const ANSWERS = {
  token: () => TOKEN,
  create: (double, exchange) => double.guest(exchange.json),
  crm: () => PROFILE,
  attributes: () => ({}),
};

describe('an answer in', () => {
  for (const [what, [coding, compress]] of Object.entries(CODINGS)) {
    test(`${what}, is understood from every endpoint`, async (t) => {
      const { double, auth, audits } = await setup(t, { crm: true });
      for (const [route, answer] of Object.entries(ANSWERS)) {
        double.always(route, (exchange) => coded(coding, compress, answer(double, exchange)));
      }
      const payload = guest();
      const { guestData, analytics } = await auth.authenticateGuest(payload);
      assert.deepEqual([guestData.email, analytics.crmTier], [payload.email, 'gold']);
      assert.deepEqual(
        audits.map(({ enrichment }) => enrichment),
        ['applied'],
      );
      for (const { headers } of double.exchanges) {
        const offered = headers['accept-encoding'].split(/\s*,\s*/).sort();
        assert.deepEqual(offered, ['deflate', 'gzip']);
      }
    });
  }

  for (const [coding, compress] of [
    ['br', zlib.brotliCompressSync],
    ['x-unknown', String],
    ['gzip, br', String],
  ]) {
    test(`${coding}, is refused by name`, async (t) => {
      const { double, auth } = await setup(t, { maxRetries: 0 });
      for (const route of ['token', 'create']) {
        double.next(route, (exchange) => coded(coding, compress, ANSWERS[route](double, exchange)));
        const error = await failure(auth.authenticateGuest(guest()), pkg.GuestAuthError);
        assert.match(wordsOf(error), new RegExp(`\\b${coding}\\b`), route);
        assert.doesNotMatch(error.message, /JSON/);
        assert.equal(error.retryable, false);
      }
    });
  }

  // RFC 9110 §8.4.1: names are case-insensitive, and x-gzip is gzip.
  for (const coding of ['GZIP', 'x-gzip', 'identity']) {
    test(`${coding}, is understood, or refused by name`, async (t) => {
      const { double, auth } = await setup(t, { maxRetries: 0 });
      const compress = coding === 'identity' ? String : zlib.gzipSync;
      double.always('create', ({ json }) => coded(coding, compress, double.guest(json)));
      const call = auth.authenticateGuest(guest());
      if (coding === 'identity') await call;
      else await call.catch((error) => assert.match(wordsOf(error), new RegExp(coding)));
    });
  }
});

describe('a compressed answer', () => {
  test('with an error status is shown as it was meant', async (t) => {
    const { double, auth } = await setup(t);
    const body = { code: 'bad.request', message: 'No.' };
    double.always('create', coded('gzip', zlib.gzipSync, body, { status: 400 }));
    const error = await failure(auth.authenticateGuest(guest()), pkg.GuestCreationError, 'GUEST_CREATION_FAILED');
    assert.equal(error.message, `Guest creation failed: 400 ${JSON.stringify(body)}`);
    assert.equal(error.body, JSON.stringify(body));
  });

  for (const status of [200, 204]) {
    test(`without a body is as good as any other, with status ${status}`, async (t) => {
      const { double, auth, audits } = await setup(t, { crm: true, webhook: true });
      const empty = { status, headers: { 'Content-Encoding': 'gzip' }, body: '' };
      double.always('attributes', empty).always('webhook', empty);
      await auth.authenticateGuest(guest());
      await auth.flush();
      assert.equal(audits[0].enrichment, 'applied');
      assert.deepEqual(auth.metrics().analytics, { pending: 0, delivered: 1, failed: 0 });
    });
  }

  test('that ends in the middle is no answer', async (t) => {
    const { double, auth } = await setup(t, { maxRetries: 0 });
    const half = (bytes) => bytes.subarray(0, bytes.length / 2);
    double.always('create', ({ json }) => coded('gzip', (text) => half(zlib.gzipSync(text)), double.guest(json)));
    await failure(auth.authenticateGuest(guest()), pkg.GuestAuthError);
    assert.equal(auth.metrics().liveSessions, 0);
  });

  test('may have 1 MiB when it is unpacked, and no more', async (t) => {
    const { double, auth } = await setup(t, { maxRetries: 0 });
    const padded = (bytes) => (exchange) => {
      const text = JSON.stringify(double.guest(exchange.json)).padEnd(bytes);
      return coded('gzip', zlib.gzipSync, text);
    };
    double.next('create', padded(MIB));
    await auth.authenticateGuest(guest());
    double.next('create', padded(MIB + 1));
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.match(error.message, /over 1048576 bytes/);
  });

  test('of a thousand times its size is left at the limit, without waiting for its end', async (t) => {
    const { double, auth } = await setup(t, { maxRetries: 0 });
    double.always('create', (exchange) => {
      const { response } = exchange;
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' });
      const gzip = zlib.createGzip();
      gzip.pipe(response);
      const zeros = Buffer.alloc(MIB);
      let sent = 0;
      // Just over the limit at once; then it goes on for as long as somebody listens.
      const more = () => {
        if (response.destroyed) return gzip.destroy();
        gzip.write(zeros);
        gzip.flush(() => setTimeout(more, ++sent < 4 ? 0 : 20));
      };
      more();
    });
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.match(error.message, /over 1048576 bytes/);
    await double.of('create')[0].cancelled;
  });
});
