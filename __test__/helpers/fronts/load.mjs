// Many guests at once, through the package and through undici, and what became of them.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { Pool } from 'undici';
import { makeAuthority } from '../certificates.mjs';
import { guest, pkg } from '../setup.mjs';
import { startFront } from './fronts.mjs';

/** Waits before repeats, in milliseconds: shorter than by default, so that no test spends its time on them. */
const QUICK = { retryBaseDelayMs: 20, retryMaxDelayMs: 200 };

/** Does `work` `count` times, or until `over` is aborted, `inFlight` at once; how often, and the errors. */
async function each({ count = Infinity, inFlight, over }, work) {
  const errors = [];
  let begun = 0;
  const worker = async () => {
    while (begun < count && !over?.aborted) {
      begun += 1;
      try {
        await work();
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return { tried: begun, errors };
}

/**
 * For the tests of a suite: one sandbox and one authority. What it returns starts a front before the sandbox, and makes an
 * authenticator that goes through it; `place` is where the front is, and whose certificate it has.
 */
export function frontsOfSuite() {
  let sandbox;
  let authority;
  before(async () => {
    sandbox = await startSandbox({ log: false });
    authority = makeAuthority();
  });
  after(async () => {
    authority.remove();
    await sandbox.close();
  });
  return async (t, kind, limits = {}) => {
    const front = await startFront(t, kind, { sandbox, authority, ...limits });
    const place = { url: front.url, ca: authority.ca };
    return { front, place, auth: authenticatorFor(t, sandbox, place) };
  };
}

/** An authenticator for a front before a sandbox; without a webhook, whose events are sent again in any case. */
function authenticatorFor(t, sandbox, { url, ca, ...config }) {
  const auth = new pkg.GuestAuthenticator({
    ...sandbox.config({ analyticsWebhookUrl: undefined }),
    tokenSigningKey: `${sandbox.url}-guest-signing-key`,
    environment: url,
    crmBaseUrl: `${url}/crm`,
    ca,
    ...QUICK,
    // What is slow on a busy machine is not lost.
    timeouts: { crmMs: 10_000 },
    auditLogCallback: () => {},
    ...config,
  });
  t.after(() => auth.close({ timeoutMs: 0 }));
  return auth;
}

/**
 * `{ tried, guests, profiles, errors }`: how many calls failed, how many guests did not get their profile, and why.
 * `unsure` of the calls may have had their effect. `load` is `{ count, inFlight }`, or `{ over, inFlight }` with the signal
 * that ends it.
 */
export async function packageLosses(auth, load) {
  const before = auth.metrics();
  const { tried, errors } = await each(load, () => auth.authenticateGuest(guest()));
  const { crmFailures, enrichmentFailures } = auth.metrics();
  const profiles = crmFailures - before.crmFailures + enrichmentFailures - before.enrichmentFailures;
  const unsure = errors.filter(({ retryable }) => !retryable).length;
  return { tried, guests: errors.length, unsure, profiles, errors: summary(errors) };
}

/** No call failed, and every guest got its profile. */
export function assertNothingLost({ tried, guests, profiles, errors }) {
  assert.ok(tried > 0);
  assert.deepEqual({ guests, profiles, errors }, { guests: 0, profiles: 0, errors: {} }, `of ${tried}`);
}

const lost = ({ guests, profiles, tried }) => (guests + profiles) / tried;

/** At most this share of what the others lost, in proportion to what each tried, or no more than comes by `chance`. */
export function assertFewerLost(ours, theirs, share, chance) {
  assert.ok(lost(ours) <= Math.max(lost(theirs) * share, chance), JSON.stringify({ ours, theirs }));
}

/** Messages and how often each came. */
function summary(errors) {
  const counts = {};
  for (const error of errors) {
    const text = `${error.message} ${error.cause?.message ?? ''}`.trim();
    counts[text] = (counts[text] ?? 0) + 1;
  }
  return counts;
}

const GUESTS = '/api/v2/engagements/guests';
const JSON_TYPE = { 'content-type': 'application/json' };

/** The same requests as the package's, each sent once; one that found nobody there is sent again. */
export class UndiciClient {
  #pool;
  #headers;

  constructor(t, { url, ca, http2 = false }) {
    this.#pool = new Pool(url, { connections: 64, pipelining: http2 ? 100 : 1, allowH2: http2, connect: { ca } });
    t.after(() => this.#pool.destroy());
  }

  async #send(method, path, headers, body) {
    for (;;) {
      try {
        const answer = await this.#pool.request({ method, path, headers, body });
        const text = await answer.body.text();
        if (answer.statusCode >= 300) throw new Error(`${method} ${path.split('?')[0]}: ${answer.statusCode}`);
        return text === '' ? undefined : JSON.parse(text);
      } catch (error) {
        if (error.code !== 'ECONNREFUSED') throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async signIn() {
    const form = 'grant_type=client_credentials&client_id=id&client_secret=secret&scope=guest:write';
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const { access_token: token } = await this.#send('POST', '/oauth/token', type, form);
    this.#headers = { ...JSON_TYPE, authorization: `Bearer ${token}` };
  }

  /** A guest with its profile; what is missing at the end. */
  async #guest(losses) {
    const payload = guest();
    const crm = this.#send('GET', `/crm/profiles?email=${encodeURIComponent(payload.email)}`).catch(() => undefined);
    const created = this.#send('POST', GUESTS, this.#headers, JSON.stringify(payload)).catch(() => undefined);
    const [profile, data] = await Promise.all([crm, created]);
    if (data === undefined) losses.guests += 1;
    if (data === undefined || profile === undefined) return;
    const attributes = JSON.stringify({ attributes: profile });
    const put = this.#send('PUT', `${GUESTS}/${data.guestId}`, this.#headers, attributes);
    await put.catch(() => {
      losses.profiles += 1;
    });
  }

  /** `{ tried, guests, profiles }`: how many were lost. */
  async losses(load) {
    if (this.#headers === undefined) await this.signIn();
    const losses = { guests: 0, profiles: 0 };
    const { tried } = await each(load, () => this.#guest(losses));
    return { tried, ...losses };
  }
}

/** Starts some work, does `disturb` so many times at this pace, and ends it; what the work comes to. */
export async function during(start, { times, everyMs, disturb }) {
  const over = new AbortController();
  const work = start(over.signal);
  try {
    for (let i = 0; i < times; i++) {
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      await disturb();
    }
  } finally {
    over.abort();
  }
  return work;
}
