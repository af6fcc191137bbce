// A short story for every runtime: load, authenticate, fail, abort, audit, close, and end by itself. Written without anything
// that only Node has but `createRequire`. Arguments: a configuration as JSON. Prints one JSON line per step.

import { createRequire } from 'node:module';
import { DuplicateSessionError, GuestAuthError, GuestAuthenticator } from '../../index.mjs';

const say = (step, told) => console.log(JSON.stringify({ step, ...told }));
const require = createRequire(import.meta.url);
const required = require('../../index.js');
const [settings] = process.argv.slice(-1);
const config = JSON.parse(settings);
const audits = [];
const auditLogCallback = (record) => audits.push(record.event);
const payload = (changes) => ({ email: `jane@${config.runtime}.example`, consent: true, channelId: 'web', ...changes });
const failure = (promise) =>
  promise.then(
    () => ({}),
    (error) => error,
  );

say('loaded', { same: required.GuestAuthenticator === GuestAuthenticator });

const auth = new GuestAuthenticator({ ...config, auditLogCallback });
const attributes = { half: '\ud800', nothing: undefined, at: new Date(0), own: { toJSON: () => 'own' } };
const { guestData, analytics } = await auth.authenticateGuest(payload({ name: 'Jané 😀', attributes }));
say('authenticated', { email: guestData.email, tier: analytics.crmTier, unknown: Object.keys(guestData).length > 8 });

const many = Array.from({ length: 100 }, (_, i) => auth.authenticateGuest(payload({ channelId: `web-${i}` })));
say('many', { guests: new Set((await Promise.all(many)).map((result) => result.guestData.guestId)).size });

const duplicate = await failure(auth.authenticateGuest(payload()));
const invalid = await failure(auth.authenticateGuest({}));
say('failed', {
  duplicate: [duplicate.name, duplicate.code, duplicate instanceof DuplicateSessionError],
  invalid: [invalid.name, invalid.issues?.length, invalid instanceof GuestAuthError],
  typeError: (await failure(auth.authenticateGuest(payload({ attributes: { big: 1n } })))) instanceof TypeError,
  config: failed(() => new GuestAuthenticator({ ...config, clientSecret: 5 })),
});

const controller = new AbortController();
const aborted = failure(auth.authenticateGuest(payload({ channelId: 'aborted' }), { signal: controller.signal }));
controller.abort('why');
const timedOut = await failure(auth.rotateRefreshToken('slow', { signal: AbortSignal.timeout(1) }));
say('aborted', { reason: await aborted, timedOut: timedOut.name });

const parts = new required.GuestTokenManager(config.environment, () => auth.getAccessToken());
const guest = await parts.createGuestSession(payload({ channelId: 'parts' }));
const token = await parts.rotateRefreshToken(guest.refreshToken);
say('parts', { refreshed: token !== guest.token && token.includes('.') });

await auth.invalidateSession(auth.getSessionKey(payload().email, 'web'));
await auth.close();
await parts.close();
const closed = await failure(auth.authenticateGuest(payload()));
say('closed', { code: closed.code, pending: auth.metrics().analytics.pending, events: count(audits) });

// Nobody waits for this one, nothing is closed: the process must stay for it, and then end.
const last = new GuestAuthenticator({ ...config, auditLogCallback });
last.authenticateGuest(payload({ channelId: 'last' })).then(() => say('last', {}));

function failed(make) {
  try {
    make();
    return undefined;
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
}

function count(events) {
  const counts = {};
  for (const event of events) counts[event] = (counts[event] ?? 0) + 1;
  return counts;
}
