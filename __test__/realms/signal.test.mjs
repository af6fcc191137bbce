// Signals that are not the platform's own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guest, setup } from '../helpers/setup.mjs';

/** An `AbortSignal` as old polyfills make it: without a reason. */
class PolyfilledSignal extends EventTarget {
  aborted = false;

  abort() {
    this.aborted = true;
    this.dispatchEvent(new Event('abort'));
  }
}

test('a signal without a reason rejects with an AbortError', async (t) => {
  const { auth, double } = await setup(t);
  double.hold('create');
  const signal = new PolyfilledSignal();
  const calls = [auth.authenticateGuest(guest(), { signal }), auth.getAccessToken({ signal })];
  assert.equal(typeof (await calls[1]), 'string');
  await double.arrival('create');
  signal.abort();
  const aborted = { name: 'AbortError', code: 'ABORT_ERR', message: 'This operation was aborted' };
  await assert.rejects(calls[0], aborted);
  await assert.rejects(auth.authenticateGuest(guest(), { signal }), aborted);
  await assert.rejects(auth.rotateRefreshToken('token', { signal }), aborted);
});
