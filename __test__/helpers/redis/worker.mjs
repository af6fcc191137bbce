// One process of several that share a store. Argument: a configuration as JSON. It does what messages tell it:
// `{ payloads, sideBySide }` authenticates these guests, and answers with the code of each call, or `won`.

import { GuestAuthenticator } from '../../../index.mjs';

const auth = new GuestAuthenticator({ ...JSON.parse(process.argv[2]), auditLogCallback: () => {} });

const outcome = (payload) =>
  auth.authenticateGuest(payload).then(
    () => 'won',
    (error) => error.code ?? error.name,
  );

async function authenticate({ payloads, sideBySide }) {
  const codes = new Array(payloads.length);
  let next = 0;
  const lane = async () => {
    while (next < payloads.length) {
      const mine = next++;
      codes[mine] = await outcome(payloads[mine]);
    }
  };
  await Promise.all(Array.from({ length: sideBySide }, lane));
  return codes;
}

process.on('message', async (task) => process.send({ codes: await authenticate(task), metrics: auth.metrics() }));
process.once('disconnect', () => process.exit());
process.send('ready');
