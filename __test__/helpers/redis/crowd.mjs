// Many processes at once, each with many guests at once.

import assert from 'node:assert/strict';
import { run } from '../children.mjs';

/** `processes` processes of this configuration authenticate `calls` guests each, all of them successfully. */
export async function allSucceed(config, processes, calls) {
  const children = Array.from({ length: processes }, (_, number) =>
    run(
      `
      const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
      const payloads = Array.from({ length: ${calls} }, (_, call) => guest({ email: 'p${number}-' + call + '@example.com' }));
      Promise.allSettled(payloads.map((payload) => auth.authenticateGuest(payload))).then(async (outcomes) => {
        await auth.close();
        const errors = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message);
        console.log(JSON.stringify(errors));
      });`,
      { config },
    ),
  );
  for (const { code, stdout, stderr } of await Promise.all(children)) {
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), []);
  }
}
