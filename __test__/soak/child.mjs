// One process of a soak. Arguments: a configuration as JSON, its number, how many guests. Prints what it counted as JSON.

import { GuestAuthenticator } from '../../index.mjs';

const [config, number, calls] = [JSON.parse(process.argv[2]), process.argv[3], Number(process.argv[4])];
const IN_FLIGHT = 32;
const SAMPLES = 20;

const auth = new GuestAuthenticator({ ...config, auditLogCallback: () => {} });
const rss = [];
const failures = {};
let next = 0;

/** As a caller would: what failed is tried again until it succeeds. */
async function authenticate(payload) {
  for (;;) {
    try {
      return await auth.authenticateGuest(payload);
    } catch (error) {
      failures[error.code] = (failures[error.code] ?? 0) + 1;
      if (!error.retryable && error.code !== 'NETWORK') throw error;
    }
  }
}

async function lane() {
  while (next < calls) {
    const mine = next++;
    await authenticate({ email: `p${number}-${mine}@example.com`, consent: true, channelId: 'web' });
    if (mine % Math.ceil(calls / SAMPLES) === 0) rss.push(process.memoryUsage.rss());
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
// What a fault delayed is due within the second.
while (auth.metrics().analytics.pending > 0) {
  await auth.flush();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const { authenticated, analytics, store } = auth.metrics();
await auth.close();
console.log(JSON.stringify({ authenticated, analytics, store, failures, rss }));
