// From `require` to the first call: time and memory.

import { openVariant } from '../variants/index.mjs';
// The adapter alone, which is no part of what is measured.
import '../variants/package.mjs';

export async function startup({ variant, url }) {
  const rss = process.memoryUsage.rss();
  const started = performance.now();
  const authenticator = await openVariant(variant, { url });
  const readyMs = performance.now() - started;
  const readyRss = process.memoryUsage.rss();
  const guest = { email: `first.${process.pid}.${Date.now()}@example.com`, consent: true, channelId: 'web-chat-emea' };
  await authenticator.authenticate(guest);
  const firstMs = performance.now() - started;
  await authenticator.settle();
  const MIB = 1024 * 1024;
  return {
    readyMs,
    readyMiB: (readyRss - rss) / MIB,
    firstMs,
    firstMiB: (process.memoryUsage.rss() - rss) / MIB,
  };
}
