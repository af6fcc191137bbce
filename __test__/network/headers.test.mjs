// Answers with many header lines: a bound, and plain words beyond it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { failure, guest, pkg, setup } from '../helpers/setup.mjs';

const MOST_LINES = 256;

/** How many lines the head of an answer of this double has, beside those that a test adds. */
async function linesOf(double) {
  const request = http.get(`${double.url}/crm/profiles?email=a@example.com`);
  const [answer] = await once(request, 'response');
  answer.resume();
  return answer.rawHeaders.length / 2;
}

/** So many lines of their own. */
const lines = (count) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-Line-${i}`, String(i)]));

describe('an answer', () => {
  for (const count of [101, MOST_LINES]) {
    test(`of ${count} header lines is read`, async (t) => {
      const { double, auth } = await setup(t, { crm: true });
      const headers = lines(count - (await linesOf(double)));
      double.always('create', ({ json }) => ({ headers, body: double.guest(json) }));
      double.always('crm', { headers, body: { tier: 'gold' } });
      await auth.authenticateGuest(guest());
      assert.equal(auth.metrics().crmFailures, 0);
    });
  }

  test(`of more than ${MOST_LINES} is refused in plain words`, async (t) => {
    const { double, auth } = await setup(t, { maxRetries: 0 });
    const headers = lines(MOST_LINES + 1);
    double.always('token', { headers, body: { access_token: 'access', expires_in: 60 } });
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    const words = `${error.message} ${error.hint ?? ''} ${error.cause?.message ?? ''}`;
    assert.match(words, /header/i);
    assert.match(words, new RegExp(`\\b${MOST_LINES}\\b`));
    assert.equal(error.retryable, false);
  });
});
