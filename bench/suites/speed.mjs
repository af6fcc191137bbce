// CPU, throughput, latency.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run, runJob, startServer } from '../lib/processes.mjs';
import { rounds } from '../lib/rounds.mjs';

/** In flight, where a measure does not say otherwise. */
const IN_FLIGHT = 64;

/**
 * What is compared. (a) and (b) send three requests a guest, because the tutorial's PUT is a placeholder; the package and
 * the floor are measured with three, for guests whom the CRM does not know, and with four.
 */
export const CASES = {
  axios: { variant: 'axios', hasProfile: true },
  undici: { variant: 'undici', hasProfile: true },
  'package-3': { variant: 'package', hasProfile: false },
  'package-4': { variant: 'package', hasProfile: true },
};

const FLOOR = { 'floor-3': { requests: 3 }, 'floor-4': { requests: 4 } };

const floorProgram = join(root, 'target', 'floor', 'release', 'floor');

/** CPU of the main thread and of the process for an authentication, and how many a second one core makes. */
export const throughput = ({ quick, rounds: count, server }) =>
  saturated({ ...CASES, ...FLOOR }, { quick, count, server });

/**
 * The same through TLS, with HTTP/2 where the client offers it. Not for (a): it makes a connection for each call, which
 * would measure nothing but handshakes.
 */
export const throughputTls = ({ quick, rounds: count }) =>
  withTls((server, env) => {
    const { axios, ...cases } = CASES;
    return saturated({ ...cases, ...FLOOR }, { quick, count, server, env });
  });

function saturated(cases, { quick, count, server, env }) {
  const [warmMs, measureMs] = quick ? [800, 500] : [1000, 2000];
  return rounds(cases, count, async ({ variant, requests, hasProfile }) => {
    await server.reset();
    if (requests) {
      return run(floorProgram, [server.url, IN_FLIGHT, requests, warmMs, measureMs].map(String), env);
    }
    const job = { measure: 'throughput', url: server.url, inFlight: IN_FLIGHT, warmMs, measureMs, variant, hasProfile };
    return runJob(job, { env });
  });
}

/** Milliseconds from call to result where every endpoint takes 50 ms. */
export async function latency({ quick, rounds: count, server }) {
  const [warmMs, measureMs] = quick ? [500, 700] : [1000, 2000];
  const cases = { ...CASES, 'undici-parallel': { variant: 'undici-parallel', hasProfile: true } };
  const done = await rounds(cases, count, async ({ variant, hasProfile }) => {
    await server.reset();
    await server.latency(50);
    return runJob({ measure: 'latency', url: server.url, inFlight: 16, warmMs, measureMs, variant, hasProfile });
  });
  await server.reset();
  return done;
}

/** 300 authentications a second: what is left for everything else. */
export function pace({ quick, rounds: count, server }) {
  const [warmMs, measureMs] = [500, quick ? 500 : 1500];
  const cases = { idle: { variant: 'nothing' }, thread: { variant: 'thread' }, ...CASES, ...FLOOR };
  return rounds(cases, count, async ({ variant, requests, hasProfile }) => {
    await server.reset();
    if (requests) {
      const { busy } = await run(floorProgram, [server.url, '300/s', requests, warmMs, measureMs].map(String));
      return { percent: busy * 100 };
    }
    return runJob({ measure: 'pace', url: server.url, perSecond: 300, measureMs, variant, hasProfile });
  });
}

/** Cost of an authentication by calls in flight. */
export async function growth({ quick, rounds: count, server }) {
  const [warmMs, measureMs] = quick ? [300, 400] : [600, 1000];
  const { axios, undici, 'package-4': own } = CASES;
  const cases = {};
  for (const inFlight of quick ? [1, 512] : [1, 8, 64, 512, 4096]) {
    for (const [name, one] of Object.entries({ axios, undici, 'package-4': own })) {
      // With more, its webhook times out, which takes long and says nothing.
      if (name === 'axios' && inFlight > 64) continue;
      cases[`${name}@${inFlight}`] = { ...one, inFlight };
    }
  }
  return rounds(cases, Math.min(count, 3), async ({ variant, hasProfile, inFlight }) => {
    await server.reset();
    return runJob({ measure: 'throughput', url: server.url, inFlight, warmMs, measureMs, variant, hasProfile });
  });
}

/** A burst at a process without a token: how many token requests, and how long against the same burst once more. */
export async function cold({ quick, rounds: count, server }) {
  const cases = {};
  for (const size of quick ? [1000] : [1000, 10_000]) {
    for (const variant of ['axios', 'undici', 'package']) {
      // The tutorial opens a connection a call and asks for a token each time: a thousand say enough.
      if (variant !== 'axios' || size <= 1000) cases[`${variant}@${size}`] = { variant, count: size };
    }
  }
  return rounds(cases, count, async (job) => {
    await server.reset();
    const figures = await runJob({ measure: 'cold', url: server.url, ...job });
    const { routes } = await server.counts();
    return { ...figures, tokenRequests: routes.token.total, ratio: figures.coldMs / figures.warmMs };
  });
}

/** Through TLS on loopback: a process's first call, the first after `warmUp()`, and calls on open connections. */
export const tls = ({ quick, rounds: count }) =>
  withTls((server, env) => {
    const { axios, undici, 'package-4': own } = CASES;
    return rounds({ axios, undici, 'package-4': own }, count, async ({ variant }) => {
      await server.reset();
      return runJob({ measure: 'tls', url: server.url, calls: quick ? 50 : 500, variant }, { env });
    });
  });

/** `measure(server, env)` with a server that speaks TLS, and an environment that trusts its certificate. */
async function withTls(measure) {
  const server = await startServer({ tls: true });
  const folder = await mkdtemp(join(tmpdir(), 'guest-bench-'));
  try {
    const file = join(folder, 'ca.pem');
    await writeFile(file, server.ca);
    return await measure(server, { NODE_EXTRA_CA_CERTS: file });
  } finally {
    await rm(folder, { recursive: true });
    await server.close();
  }
}
