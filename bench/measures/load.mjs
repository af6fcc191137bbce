// Measures under load.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { moment, since } from '../lib/clock.mjs';
import { closedLoop, nextGuest, openLoop } from '../lib/load.mjs';
import { percentile } from '../lib/stats.mjs';
import { openVariant } from '../variants/index.mjs';

/** CPU per authentication and authentications a second, `inFlight` at a time. */
export async function throughput({ variant, url, inFlight, warmMs, measureMs, hasProfile }) {
  const authenticator = await openVariant(variant, { url });
  const done = await closedLoop(authenticator.authenticate, { inFlight, warmMs, measureMs, hasProfile });
  await authenticator.settle();
  return {
    mainUs: done.mainUs / done.calls,
    processUs: done.processUs / done.calls,
    perSecond: (done.calls / done.wallMs) * 1000,
    // Below 1 the client had nothing to do at times: the server, not it, was at its limit.
    busy: done.processUs / 1000 / done.wallMs,
  };
}

/** Milliseconds from call to result. */
export async function latency({ variant, url, inFlight, warmMs, measureMs, hasProfile }) {
  const authenticator = await openVariant(variant, { url });
  const done = await closedLoop(authenticator.authenticate, { inFlight, warmMs, measureMs, hasProfile });
  await authenticator.settle();
  return { p50: percentile(done.latencies, 0.5), p99: percentile(done.latencies, 0.99) };
}

/** Milliseconds between looks of the monitor: as fine as it can be, and what it does unless told otherwise. */
const RESOLUTIONS = { fine: 1, default: 10 };

/** What a service feels that authenticates a steady number of guests a second beside its other work. */
export async function pace({ variant, url, perSecond, measureMs, hasProfile }) {
  const authenticator = await openVariant(variant, { url });
  const drive = (durationMs) => openLoop(authenticator.authenticate, { perSecond, durationMs, hasProfile });
  await drive(500);
  // Runs of their own, because the monitor's timer costs as much CPU as what it watches.
  const start = moment();
  await drive(measureMs);
  const used = since(start);
  const figures = { percent: used.processUs / 10 / used.wallMs, mainPercent: used.mainUs / 10 / used.wallMs };
  for (const [name, resolution] of Object.entries(RESOLUTIONS)) {
    const delay = monitorEventLoopDelay({ resolution });
    delay.enable();
    await drive(measureMs);
    delay.disable();
    figures[`${name}P99`] = delay.percentile(99) / 1e6;
  }
  await authenticator.settle();
  return figures;
}

/** `count` calls at once on a process that has neither token nor connection, and the same number again. */
export async function cold({ variant, url, count }) {
  const authenticator = await openVariant(variant, { url });
  const burst = async () => {
    const guests = Array.from({ length: count }, () => nextGuest(true));
    const started = performance.now();
    await Promise.all(guests.map(authenticator.authenticate));
    return performance.now() - started;
  };
  const coldMs = await burst();
  await authenticator.settle();
  const warmMs = await burst();
  await authenticator.settle();
  return { coldMs, warmMs };
}

/** Through TLS: the first call of a process, the first after `warmUp()`, and calls on open connections. */
export async function tls({ variant, url, calls }) {
  const first = await openVariant(variant, { url });
  const timed = async (authenticator) => {
    const guest = nextGuest(true);
    const started = performance.now();
    await authenticator.authenticate(guest);
    return performance.now() - started;
  };
  const coldMs = await timed(first);
  const warm = [];
  for (let i = 0; i < calls; i += 1) warm.push(await timed(first));
  await first.settle();
  const figures = { coldMs, p50: percentile(warm, 0.5), p99: percentile(warm, 0.99) };
  const second = await openVariant(variant, { url });
  if (second.warmUp) {
    await second.warmUp();
    figures.warmedUpMs = await timed(second);
    await second.settle();
  }
  return figures;
}
