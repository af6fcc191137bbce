// Behind the web servers that others run, each with its limits for one connection, while it compresses, reads its
// configuration again, and is ended and started again.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Agent, request } from 'undici';
import { FRONTS } from '../helpers/fronts/fronts.mjs';
import {
  assertFewerLost,
  assertNothingLost,
  during,
  frontsOfSuite,
  packageLosses,
  UndiciClient,
} from '../helpers/fronts/load.mjs';
import { needs } from '../helpers/fronts/programs.mjs';
import { guest, until } from '../helpers/setup.mjs';

const inFlight = 32;
const PROTOCOLS = { 'HTTP/2': true, 'HTTP/1.1': false };

const IDLE_SECONDS = 1;

const start = frontsOfSuite();

/** Resolves after the time that a front leaves an unused connection open, and some more. */
const idle = (extraMs) => new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000 + extraMs));

for (const [kind, { program, limitsRequests, breaksHttp2 }] of Object.entries(FRONTS)) {
  describe(`behind ${kind}`, needs(program, 'openssl'), () => {
    for (const [protocol, http2] of Object.entries(PROTOCOLS)) {
      test(`no guest and no profile is lost over ${protocol}`, async (t) => {
        const { auth } = await start(t, kind, { http2, ...(limitsRequests && { requests: 50 }) });
        assertNothingLost(await packageLosses(auth, { count: 1000, inFlight }));
      });

      test(`its restart costs no more than what was in flight over ${protocol}`, async (t) => {
        const { auth, front } = await start(t, kind, { http2 });
        const restarts = { times: 3, everyMs: 300, disturb: () => front.restart() };
        const { unsure, errors } = await during((over) => packageLosses(auth, { over, inFlight }), restarts);
        assert.ok(unsure <= restarts.times * inFlight, JSON.stringify({ unsure, errors }));
        const isBack = () =>
          auth.authenticateGuest(guest()).then(
            () => true,
            () => false,
          );
        await until(isBack, 'the front is back');
        assertNothingLost(await packageLosses(auth, { count: inFlight, inFlight }));
      });
    }

    test('compressed answers are understood', async (t) => {
      const { auth, place } = await start(t, kind);
      assertNothingLost(await packageLosses(auth, { count: 10, inFlight: 1 }));
      const dispatcher = new Agent({ connect: { ca: place.ca } });
      t.after(() => dispatcher.destroy());
      const headers = { 'accept-encoding': 'gzip' };
      const answer = await request(`${place.url}/crm/profiles?email=a@example.com`, { dispatcher, headers });
      await answer.body.dump();
      assert.equal(answer.headers['content-encoding'], 'gzip', 'the front compresses');
    });

    // The suite of nginx has it with longer runs.
    if (kind === 'nginx') return;

    // A front that breaks what it has begun costs every client what was in flight, more or less by chance.
    test('none is lost over HTTP/2 while it reloads', { skip: breaksHttp2 }, async (t) => {
      const { ours } = await whileReloading(t, kind, { http2: true });
      assertNothingLost(ours);
    });

    test('no more is lost than with undici over HTTP/1.1 while it reloads', async (t) => {
      const { ours, theirs } = await whileReloading(t, kind, { http2: false });
      assertFewerLost(ours, theirs, 1, 0.1);
    });
  });
}

// They wait most of the time.
describe('none is lost after unused connections have ended', { concurrency: true }, () => {
  for (const [kind, { program }] of Object.entries(FRONTS)) {
    for (const [protocol, http2] of Object.entries(PROTOCOLS)) {
      test(`behind ${kind} over ${protocol}`, needs(program, 'openssl'), async (t) => {
        const { auth } = await start(t, kind, { http2, idleSeconds: IDLE_SECONDS });
        // HTTP/2 tells which requests it did not take any more, so that the very moment is safe there.
        for (const extraMs of http2 ? [-1, 0, 1] : [150, 300]) {
          assertNothingLost(await packageLosses(auth, { count: inFlight, inFlight }));
          await idle(extraMs);
        }
        assertNothingLost(await packageLosses(auth, { count: inFlight, inFlight }));
      });
    }
  }
});

/** What the package and undici lose in the same number of reloads. */
async function whileReloading(t, kind, { http2 }) {
  const { auth, front, place } = await start(t, kind, { http2 });
  const undici = new UndiciClient(t, { ...place, http2 });
  const reloads = { times: 10, everyMs: 300, disturb: front.reload };
  const theirs = await during((over) => undici.losses({ over, inFlight }), reloads);
  const ours = await during((over) => packageLosses(auth, { over, inFlight }), reloads);
  t.diagnostic(JSON.stringify({ ours, theirs }));
  return { ours, theirs };
}
