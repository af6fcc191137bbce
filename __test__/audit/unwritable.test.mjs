import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guest, pkg, setup } from '../helpers/setup.mjs';

const cycle = {};
cycle.self = cycle;

const unwritable = {
  'a BigInt': [{ big: 1n }, TypeError],
  'a cycle': [cycle, TypeError],
  'a toJSON that throws': [
    {
      at: {
        toJSON() {
          throw new RangeError('mine');
        },
      },
    },
    RangeError,
  ],
};

for (const [what, [attributes, Class]] of Object.entries(unwritable)) {
  test(`attributes that hold ${what} leave an audit record and a count`, async (t) => {
    const { auth, audits, double } = await setup(t);
    await assert.rejects(auth.authenticateGuest(guest({ email: 'jane@example.com', attributes })), (error) => {
      assert.equal(error.constructor, Class);
      return true;
    });
    assert.equal(audits.length, 1);
    const { event, code, email, channelId, consent } = audits[0];
    assert.deepEqual(
      [event, code, email, channelId, consent],
      ['guest.authentication.failed', 'VALIDATION_FAILED', 'j***@example.com', 'web', true],
    );
    assert.deepEqual(auth.metrics().failed, { VALIDATION_FAILED: 1 });
    assert.equal(double.exchanges.length, 0);
    // The error of one call is not the next one's.
    const { issues } = await auth.authenticateGuest({}).catch((error) => error);
    assert.equal(issues.length, 3);
  });
}

test('a token manager throws what writing attributes threw', async (t) => {
  const { double } = await setup(t);
  const manager = new pkg.GuestTokenManager(double.url, async () => 'token');
  t.after(() => manager.close());
  await assert.rejects(manager.createGuestSession(guest({ attributes: { big: 1n } })), TypeError);
});
