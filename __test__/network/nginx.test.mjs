// Behind nginx, with the configuration that Debian ships: connections end after a number of requests, and when it reads its
// configuration again.

import { describe, test } from 'node:test';
import {
  assertFewerLost,
  assertNothingLost,
  during,
  frontsOfSuite,
  packageLosses,
  UndiciClient,
} from '../helpers/fronts/load.mjs';
import { needs } from '../helpers/fronts/programs.mjs';

const inFlight = 64;

/** nginx finishes what it has begun, and ends idle connections at once. */
const reloads = (front, times) => ({ times, everyMs: 300, disturb: front.reload });

describe('behind nginx', needs('nginx', 'openssl'), () => {
  const start = frontsOfSuite();

  for (const requests of [1000, 100]) {
    test(`over HTTP/2, no guest and no profile is lost with keepalive_requests ${requests}`, async (t) => {
      const { auth } = await start(t, 'nginx', { requests });
      assertNothingLost(await packageLosses(auth, { count: 3000, inFlight }));
    });
  }

  test('over HTTP/1.1, none is lost with keepalive_requests 100', async (t) => {
    const { auth } = await start(t, 'nginx', { requests: 100, http2: false });
    assertNothingLost(await packageLosses(auth, { count: 2000, inFlight }));
  });

  test('over HTTP/2, none is lost while it reloads', async (t) => {
    const { auth, front } = await start(t, 'nginx');
    assertNothingLost(await during((over) => packageLosses(auth, { over, inFlight }), reloads(front, 12)));
  });

  test('over HTTP/1.1, at most a fifth of what undici loses is lost while it reloads', async (t) => {
    const { auth, front, place } = await start(t, 'nginx', { http2: false });
    const undici = new UndiciClient(t, place);
    const theirs = await during((over) => undici.losses({ over, inFlight }), reloads(front, 25));
    const ours = await during((over) => packageLosses(auth, { over, inFlight }), reloads(front, 25));
    t.diagnostic(JSON.stringify({ ours, theirs }));
    assertFewerLost(ours, theirs, 1 / 5, 0.01);
  });
});
