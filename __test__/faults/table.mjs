// The fault table: what every fault at every endpoint must come to. The values are the contract's and not the code's.
//
// An outcome is that of the call (`code` of its error, or `enrichment` of its audit record), the `requests` that the server
// saw, and what the same call comes to `again` when the fault is gone. Each cell has two: the fault `stays`, or it is gone
// after it hit `once`.

import { FAULTS } from './faults.mjs';

/** The first attempt and `maxRetries` more. */
const ALL_ATTEMPTS = 4;

const LIVE = { again: 'DUPLICATE_SESSION' };

/** The call succeeds, whatever happens here. */
const fine = (requests, more = {}) => ({ requests, enrichment: 'skipped', ...LIVE, ...more });

const error = (code, requests, more = {}) => ({
  code,
  requests,
  attempts: requests,
  retryable: false,
  again: 'ok',
  ...more,
});

/** One request, one error. */
function fails(code, more) {
  const outcome = error(code, 1, more);
  return { stays: outcome, once: outcome };
}

/** Sent again until it works or there are no attempts left. */
function retried(code, { attempts = ALL_ATTEMPTS, once = {}, ...more } = {}) {
  return {
    stays: error(code, attempts, { retryable: true, ...more }),
    once: once.code ? error(once.code, 2, once) : fine(2, once),
  };
}

/** No request gets through while it stays, and one when it is gone. */
function unsent(code) {
  return { stays: error(code, 0, { attempts: ALL_ATTEMPTS, retryable: true }), once: fine(1) };
}

/** The first token is refused, so a second one is fetched, and no third. */
function reauthenticated(code) {
  return { stays: error(code, 2, { tokens: 2 }), once: fine(2, { tokens: 2 }) };
}

/** Nothing can be done about a certificate by trying again. */
const untrusted = { stays: error('NETWORK', 0, { attempts: 1 }), once: error('NETWORK', 0, { attempts: 1 }) };

const both = (outcome) => ({ stays: outcome, once: outcome });

const REFUSALS = '400 410 413 415 422';
const REDIRECTS = '301 302';
const THROTTLES = '429 429-seconds 429-date 429-malformed';
const OUTAGES = '500 502 503 504 504-processed';
const UNSENT = 'refused handshake goaway-before';
const CUT_AFTER = 'reset-after closed-after truncated length-long';
const LATE = 'stall slow-body stalled-body';
const SHAPES = 'not-json null array string empty length-short';

const token = {
  [`${REFUSALS} ${REDIRECTS} 401 403 404 409 501`]: fails('OAUTH_FAILED'),
  [`${SHAPES} object no-token`]: fails('OAUTH_FAILED'),
  408: fails('OAUTH_FAILED', { retryable: true }),
  [`${THROTTLES} 503-seconds login-throttle ${OUTAGES}`]: retried('OAUTH_FAILED'),
  '429-long': fails('OAUTH_FAILED', { retryable: true }),
  [UNSENT]: unsent('NETWORK'),
  certificate: untrusted,
  'goaway-after': both(fine(1)),
  [`reset-before ${CUT_AFTER}`]: retried('NETWORK'),
  [LATE]: retried('TIMEOUT'),
  oversize: fails('NETWORK'),
};

/** The guest exists, and nobody here knows it. */
const TAKEN = { again: 'CONFLICT' };

const create = {
  [`${REFUSALS} ${REDIRECTS} 404 408 500 501 502 503 504`]: fails('GUEST_CREATION_FAILED'),
  '504-processed': fails('GUEST_CREATION_FAILED', TAKEN),
  [`${SHAPES} object no-token`]: fails('GUEST_CREATION_FAILED', TAKEN),
  401: reauthenticated('GUEST_CREATION_FAILED'),
  403: fails('FORBIDDEN'),
  409: fails('CONFLICT'),
  [THROTTLES]: retried('RATE_LIMITED'),
  '429-long': fails('RATE_LIMITED', { retryable: true }),
  '503-seconds': retried('GUEST_CREATION_FAILED'),
  [UNSENT]: unsent('NETWORK'),
  certificate: untrusted,
  'goaway-after': both(fine(1)),
  'reset-before': fails('NETWORK'),
  [`${CUT_AFTER} oversize`]: fails('NETWORK', TAKEN),
  [LATE]: fails('TIMEOUT', TAKEN),
  forged: fails('SIGNATURE_INVALID', TAKEN),
};

/** A refresh token that was used gives the newest guest token known for it. */
const ROTATED = { again: 'ok' };
const USED_UP = { once: { code: 'CONFLICT', ...TAKEN }, ...TAKEN };
const twice = (code, more) => retried(code, { attempts: 2, once: ROTATED, ...more });
const rotated = ({ stays, once }) => ({
  stays: stays.code ? stays : { ...stays, ...ROTATED },
  once: { ...once, ...ROTATED },
});

const refresh = {
  [`${REFUSALS} ${REDIRECTS} 404 501`]: fails('REFRESH_FAILED'),
  408: fails('REFRESH_FAILED', { retryable: true }),
  [`${SHAPES} object no-token`]: fails('REFRESH_FAILED', TAKEN),
  401: rotated(reauthenticated('REFRESH_FAILED')),
  403: fails('FORBIDDEN'),
  409: fails('CONFLICT'),
  [THROTTLES]: retried('RATE_LIMITED', { once: ROTATED }),
  '429-long': fails('RATE_LIMITED', { retryable: true }),
  '503-seconds': retried('REFRESH_FAILED', { once: ROTATED }),
  '500 502 503 504': twice('REFRESH_FAILED'),
  '504-processed': twice('REFRESH_FAILED', USED_UP),
  [UNSENT]: rotated(unsent('NETWORK')),
  certificate: untrusted,
  'goaway-after': both(fine(1, ROTATED)),
  'reset-before': twice('NETWORK'),
  [CUT_AFTER]: twice('NETWORK', USED_UP),
  [LATE]: twice('TIMEOUT', USED_UP),
  oversize: fails('NETWORK', TAKEN),
  forged: fails('SIGNATURE_INVALID', TAKEN),
};

const written = (requests, more = {}) => fine(requests, { enrichment: 'applied', ...more });
const unwritten = (requests, more = {}) => fine(requests, { enrichment: 'failed', ...more });

const attributes = {
  [`${REFUSALS} ${REDIRECTS} 403 404 408 409 429-long 501 oversize`]: both(unwritten(1)),
  [`${SHAPES} object`]: both(written(1)),
  401: { stays: unwritten(2, { tokens: 2 }), once: written(2, { tokens: 2 }) },
  [`${THROTTLES} 503-seconds ${OUTAGES} reset-before ${CUT_AFTER} ${LATE}`]: {
    stays: unwritten(ALL_ATTEMPTS),
    once: written(2),
  },
  [UNSENT]: { stays: unwritten(0), once: written(1) },
  certificate: both(unwritten(0)),
  'goaway-after': both(written(1)),
};

/** The verdict is remembered, and may come without a request. */
const UNAVAILABLE = { again: 'CHANNEL_UNAVAILABLE', attempts: undefined };

const channel = {
  [`${REFUSALS} ${REDIRECTS} 501`]: fails('GUEST_CREATION_FAILED'),
  408: fails('GUEST_CREATION_FAILED', { retryable: true }),
  '404 disabled': fails('CHANNEL_UNAVAILABLE', UNAVAILABLE),
  401: reauthenticated('GUEST_CREATION_FAILED'),
  403: fails('FORBIDDEN'),
  409: fails('CONFLICT'),
  [THROTTLES]: retried('RATE_LIMITED'),
  '429-long': fails('RATE_LIMITED', { retryable: true }),
  [`503-seconds ${OUTAGES}`]: retried('GUEST_CREATION_FAILED'),
  [UNSENT]: unsent('NETWORK'),
  certificate: untrusted,
  [`${SHAPES} object goaway-after`]: both(fine(1)),
  [`reset-before ${CUT_AFTER}`]: retried('NETWORK'),
  [LATE]: retried('TIMEOUT'),
  oversize: fails('NETWORK'),
};

const unavailable = (requests) => both(fine(requests, { enrichment: 'unavailable', crmFailures: 1 }));

const crm = {
  404: both(fine(1, { crmFailures: 1 })),
  [`${REFUSALS} ${REDIRECTS} 401 403 408 409 501`]: unavailable(1),
  [`${THROTTLES} 429-long 503-seconds ${OUTAGES}`]: unavailable(1),
  [`reset-before ${CUT_AFTER} ${LATE} oversize`]: unavailable(1),
  [SHAPES]: unavailable(1),
  'refused handshake certificate': unavailable(0),
  // Not an attempt: it goes out again at once.
  'goaway-before': { ...unavailable(0), once: written(1) },
  'object goaway-after': both(written(1)),
};

/** Given up at once; reported by a warning. */
const refusedForGood = both(fine(1, { delivery: 'given up' }));
const deliveredLater = (stays) => ({
  stays: fine(stays, { delivery: 'given up' }),
  once: fine(2, { delivery: 'delivered' }),
});

const webhook = {
  [`${REFUSALS} ${REDIRECTS} 401 403 404 409`]: refusedForGood,
  [`408 501 ${THROTTLES} 429-long 503-seconds ${OUTAGES}`]: deliveredLater(5),
  [`reset-before ${CUT_AFTER} ${LATE} oversize`]: deliveredLater(5),
  [`${UNSENT} certificate`]: { ...deliveredLater(0), once: fine(1, { delivery: 'delivered' }) },
  [`${SHAPES} object goaway-after`]: both(fine(1, { delivery: 'delivered' })),
};

/** `TABLE[endpoint]` → `[fault, { stays, once }]` in the order of the faults. */
export const TABLE = Object.fromEntries(
  Object.entries({ token, create, refresh, attributes, channel, crm, webhook }).map(([endpoint, lines]) => {
    const cells = Object.entries(lines).flatMap(([faults, cell]) => faults.split(' ').map((fault) => [fault, cell]));
    return [endpoint, inOrder(endpoint, cells)];
  }),
);

/** A fault without a cell, with two, or of another endpoint is a mistake in the table. */
function inOrder(endpoint, cells) {
  const wanted = Object.keys(FAULTS)
    .filter((fault) => FAULTS[fault].only?.includes(endpoint) ?? true)
    .sort((a, b) => place(a) - place(b));
  const names = cells.map(([fault]) => fault);
  const missing = wanted.filter((fault) => !names.includes(fault));
  const surplus = names.filter((fault, i) => !wanted.includes(fault) || names.indexOf(fault) !== i);
  if (missing.length > 0 || surplus.length > 0) throw new Error(`${endpoint}: missing ${missing}, surplus ${surplus}`);
  const found = Object.fromEntries(cells);
  return wanted.map((fault) => [fault, found[fault]]);
}

/** Statuses first, those with a `Retry-After` beside their like. */
function place(fault) {
  return Number.parseInt(fault, 10) || 1000;
}
