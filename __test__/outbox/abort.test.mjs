// Calls that are aborted, and instances that are closed, while events are being written: an event is there and sent once,
// or it is not there, and nothing of the call stays behind.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failure, guest, pkg, startDouble, until } from '../helpers/setup.mjs';
import { deliveries, setupOutbox } from './setup.mjs';

/** Several transactions of the outbox: while one of them is synced, other events wait for the next. */
const CALLS = 64;

/** Of all rounds, one at least must meet a write under way; nearly every one does. */
const ROUNDS = 50;

/** Makes calls, each with a signal of its own. `end(calls)` runs when half of them have resolved, in the midst of the rest. */
async function round(auth, end) {
  const calls = Array.from({ length: CALLS }, () => ({ payload: guest(), controller: new AbortController() }));
  let [resolved, ending] = [0, undefined];
  const one = async (call) => {
    try {
      await auth.authenticateGuest(call.payload, { signal: call.controller.signal });
      call.resolved = true;
      if (++resolved === CALLS / 2) ending = end(calls);
    } catch (error) {
      call.reason = error;
    }
  };
  await Promise.all(calls.map(one));
  await ending;
  return calls;
}

/** Every call that resolved is told of once, and any other one not twice. Returns how many of the others were. */
function countOthers(calls, events) {
  let others = 0;
  for (const { payload, resolved } of calls) {
    const times = events.filter(({ json }) => json.email === payload.email).length;
    assert.ok(resolved ? times === 1 : times <= 1, `told of ${times} times`);
    if (!resolved) others += times;
  }
  return others;
}

describe('while events are being written', () => {
  test('an aborted call leaves its event or none, and neither session, key nor a place in the file', async (t) => {
    let written = 0;
    for (let i = 0; i < ROUNDS && written === 0; i++) {
      const { double, open } = await setupOutbox(t, { maxEvents: CALLS });
      const auth = open();
      const calls = await round(auth, (all) => {
        for (const { controller } of all) controller.abort();
      });
      const aborted = calls.filter(({ resolved }) => !resolved);
      await until(() => auth.metrics().liveSessions === CALLS - aborted.length, 'they have ended in the core too');
      await auth.flush();
      const events = double.of('webhook');
      written = countOthers(calls, events);
      for (const { controller, reason } of aborted) assert.equal(reason, controller.signal.reason);
      const { analytics } = auth.metrics();
      assert.deepEqual([analytics.pending, analytics.delivered], [0, events.length]);

      // There is room for as many events as before, and for no more.
      double.hold('webhook');
      const others = Array.from({ length: CALLS - aborted.length }, () => guest());
      const again = [...aborted.map(({ payload }) => payload), ...others];
      await Promise.all(again.map((payload) => auth.authenticateGuest(payload)));
      await failure(auth.authenticateGuest(guest()), pkg.StoreUnavailableError);
      await auth.close({ timeoutMs: 0 });
    }
    assert.ok(written > 0, 'no call was aborted while its event was written');
  });

  test('close({ timeoutMs: 0 }) leaves what the next instance sends once', async (t) => {
    let written = 0;
    for (let i = 0; i < ROUNDS && written === 0; i++) {
      const { double, open } = await setupOutbox(t);
      // The first one's webhook never answers, and what it was sent counts for itself.
      const silent = await startDouble(t);
      silent.hold('webhook');
      const first = open({ analyticsWebhookUrl: `${silent.url}/hook` });
      const calls = await round(first, () => first.close({ timeoutMs: 0 }));
      const second = open();
      await second.flush();
      written = countOthers(calls, double.of('webhook'));
      const ids = new Map(deliveries(double).map(({ guestId, id }) => [guestId, id]));
      for (const { guestId, id } of deliveries(silent)) assert.equal(ids.get(guestId), id, 'under the id it had');
      assert.equal(second.metrics().analytics.pending, 0);
      await Promise.all(calls.map(({ payload }) => second.authenticateGuest(payload)));
      await second.close();
    }
    assert.ok(written > 0, 'no instance was closed while an event was written');
  });
});
