// Load: guests, and two ways to make them come.

import { moment, since } from './clock.mjs';

let last = 0;
const run = `${process.pid.toString(36)}${Date.now().toString(36)}`;

/**
 * A guest nobody has seen before, about 330 bytes as JSON. Without a profile the CRM answers 404, and then nothing is
 * PUT.
 */
export function nextGuest(hasProfile = true) {
  last += 1;
  return {
    email: `${hasProfile ? 'guest' : 'nocrm'}.${run}.${last}@example.com`,
    consent: true,
    channelId: 'web-chat-emea',
    name: 'Jane Q. Public',
    attributes: {
      page: '/checkout/payment',
      locale: 'en-IE',
      returning: true,
      cart: { items: 3, total: 149.9, currency: 'EUR' },
      campaign: { source: 'newsletter', medium: 'email', name: 'autumn' },
      visits: last % 40,
    },
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Keeps `inFlight` calls running for `warmMs` and then `measureMs`. Only what ends in the second part counts.
 * @returns {Promise<{ calls: number, wallMs: number, mainUs: number, processUs: number, latencies: number[] }>}
 */
export async function closedLoop(authenticate, { inFlight, warmMs, measureMs, hasProfile = true }) {
  let calls = 0;
  let latencies = [];
  let running = true;
  let failure;
  const caller = async () => {
    while (running) {
      const started = performance.now();
      await authenticate(nextGuest(hasProfile));
      latencies.push(performance.now() - started);
      calls += 1;
    }
  };
  const callers = Array.from({ length: inFlight }, () =>
    caller().catch((error) => {
      failure ??= error;
      running = false;
    }),
  );
  await sleep(warmMs);
  const start = moment();
  const before = calls;
  latencies = [];
  await sleep(measureMs);
  const passed = since(start);
  const counted = { calls: calls - before, latencies, ...passed };
  running = false;
  await Promise.all(callers);
  if (failure) throw failure;
  return counted;
}

/** Starts `perSecond` calls a second, evenly, for `durationMs`; resolves when all have ended. */
export async function openLoop(authenticate, { perSecond, durationMs, hasProfile = true }) {
  const started = performance.now();
  const running = new Set();
  let begun = 0;
  let failure;
  for (let now = 0; now < durationMs; now = performance.now() - started) {
    for (const due = (now * perSecond) / 1000; begun < due; begun += 1) {
      const call = authenticate(nextGuest(hasProfile))
        .catch((error) => {
          failure ??= error;
        })
        .finally(() => running.delete(call));
      running.add(call);
    }
    await sleep(Math.max(1, (begun * 1000) / perSecond - (performance.now() - started)));
  }
  const passed = performance.now() - started;
  await Promise.all(running);
  if (failure) throw failure;
  return { calls: begun, wallMs: passed };
}
