// Instances that share a store, and what is said of them in more than one suite.

import assert from 'node:assert/strict';
import { startSandbox } from 'genesys-guest-auth/testing';
import { failure, guest, pkg, until } from '../setup.mjs';

/** Two guard steps, one before the guest and one after him, and three seconds for a busy machine. */
const OVER_WITHIN_MS = 5000;

/** A successor is chosen after a second without the primary; the rest is for a busy machine. */
export const RECOVERED_WITHIN_MS = 30_000;

/** A sandbox, and `open(store, changes?)` for an authenticator on it. */
export async function share(t, options = {}) {
  const sandbox = await startSandbox(options);
  t.after(() => sandbox.close());
  const open = (store, changes = {}) => {
    const auth = new pkg.GuestAuthenticator(configOf(sandbox, store, { auditLogCallback: () => {}, ...changes }));
    t.after(() => auth.close({ timeoutMs: 0 }));
    return auth;
  };
  return { sandbox, open };
}

/** The configuration for a sandbox and a store. No CRM: a profile would cost requests that no test looks at. */
export function configOf(sandbox, store, changes = {}) {
  return { ...sandbox.config(), crmBaseUrl: undefined, sessionStore: { redis: store }, ...changes };
}

/** The session key of a payload. */
export const keyOf = (auth, payload) => auth.getSessionKey(payload.email, payload.channelId);

export const isDuplicate = (auth, payload) => failure(auth.authenticateGuest(payload), pkg.DuplicateSessionError);

/** The promise of a call, which must be over in time, however it ends. */
export async function inTime(call) {
  const begun = performance.now();
  try {
    return await call;
  } finally {
    const took = performance.now() - begun;
    assert.ok(took < OVER_WITHIN_MS, `over after ${took} ms`);
  }
}

/** A call that fails because the store is away: in time, with the right error. */
export async function isRefused(auth, payload = guest()) {
  const call = inTime(auth.authenticateGuest(payload));
  const error = await failure(call, pkg.StoreUnavailableError, 'STORE_UNAVAILABLE');
  assert.equal(error.retryable, true);
  return error;
}

/** Calls for one guest until one succeeds; those before must fail as they should, and in time. */
export async function recovers(auth, payload = guest()) {
  let result;
  const succeeds = async () => {
    try {
      result = await inTime(auth.authenticateGuest(payload));
    } catch (error) {
      // An attempt whose answer got lost may hold the key for its last seconds.
      if (!['STORE_UNAVAILABLE', 'DUPLICATE_SESSION'].includes(error.code)) throw error;
    }
    return result !== undefined;
  };
  await until(succeeds, 'calls succeed again', RECOVERED_WITHIN_MS);
  return result;
}

/** Waits until the sandbox works on a creation. */
export const creationRuns = (sandbox) =>
  until(async () => (await sandbox.counts()).routes.create.inFlight > 0, 'a creation is on its way');

/** The whole life of a session, seen by two instances. */
export async function livesThrough(sandbox, one, other) {
  const payload = guest();
  await sandbox.fault({ route: 'create', delayMs: 500 });
  const call = one.authenticateGuest(payload);
  await creationRuns(sandbox);
  await isDuplicate(other, payload);
  const { guestData } = await call;
  await isDuplicate(other, payload);
  await isDuplicate(one, payload);

  // The guest is known to both: the one who meets a conflict gets the same one.
  await other.invalidateSession(keyOf(other, payload));
  const again = await other.authenticateGuest(payload);
  assert.equal(again.guestData.guestId, guestData.guestId);

  // A call that fails leaves the key free.
  const failing = guest();
  await sandbox.fault({ route: 'create', status: 400 });
  await failure(one.authenticateGuest(failing), pkg.GuestCreationError);
  await recovers(other, failing);

  // With the guest's token ends the session.
  await sandbox.settings({ expiresIn: 2 });
  const short = guest();
  await one.authenticateGuest(short);
  await isDuplicate(other, short);
  await recovers(other, short);
  await sandbox.settings({ expiresIn: 3600 });
  assert.equal((await sandbox.counts()).routes.token.total, 1, 'the access token is shared');
}
