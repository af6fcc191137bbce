import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, guest, setup, startDouble } from '../helpers/setup.mjs';

test('flush() ends with its signal, and the event is delivered all the same', async (t) => {
  const { auth, double } = await setup(t, { webhook: true });
  const held = double.hold('webhook');
  await auth.authenticateGuest(guest());
  const controller = new AbortController();
  const flushing = auth.flush({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(flushing, { message: 'enough' });
  await assert.rejects(auth.flush({ signal: AbortSignal.abort('before') }), (reason) => reason === 'before');
  held.release();
  await auth.flush();
  assert.equal(auth.metrics().analytics.delivered, 1);
});

test('a process whose beforeExit listener flushes ends', async (t) => {
  const double = await startDouble(t);
  const { code, stdout, hung } = await run(
    `
      const auth = new pkg.GuestAuthenticator({ ...config, outbox: { lingerMs: 0 }, auditLogCallback: () => {} });
      process.on('beforeExit', async () => {
        await auth.flush();
        console.log('flushed');
      });
      auth.authenticateGuest(guest());
    `,
    { config: configOf(double, { webhook: true }) },
  );
  assert.deepEqual([code, hung], [0, false]);
  assert.match(stdout, /^(flushed\n)+$/);
  assert.equal(double.of('webhook').length, 1);
});
