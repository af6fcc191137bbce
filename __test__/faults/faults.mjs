// Everything that goes wrong in the table, endpoint by endpoint: what it is called, and how the sandbox, or a front
// before it, is told to do it.

/** Longer than any limit of an exchange in these tests. */
const FOREVER_MS = 60_000;

/** The package refuses more. */
const MOST_BYTES = 1024 * 1024;

/** The longest `Retry-After` that the instances of these tests wait for. */
export const MAX_RETRY_AFTER_MS = 1500;

const THROTTLED_LOGIN = { error: 'invalid_request', error_description: 'rate limit exceeded; try again later' };

/** Answers that lack what the endpoint is asked for. */
const WITHOUT_TOKEN = {
  token: { token_type: 'bearer', expires_in: 3600 },
  create: { guestId: 'guest-1', expiresIn: 3600 },
  refresh: { expiresIn: 3600 },
};

const FORGED = { guestId: 'guest-1', token: 'body.0123456789abcdef', expiresIn: 3600 };

const status = (code, headers = {}) => ({ status: code, headers });
const refusals = [400, 401, 403, 404, 408, 409, 410, 413, 415, 422, 500, 501, 502, 503, 504];

/** An HTTP date at most one second ahead. */
const soon = () => new Date(Date.now() + 1000).toUTCString();

/** The request is processed, and then its answer is this one. */
const answered = (body) => ({ status: 200, body, process: true });

/**
 * Each fault: `title` for readers; `script(endpoint, url)` what the sandbox does to a request, or `front` what a TLS front
 * does to a connection. `status` is that of the answer, `slow` means that a time limit must end it, `only` names the
 * endpoints for which it makes sense. `retryAfterMs` is what the answer asks for.
 */
export const FAULTS = {
  ...Object.fromEntries(refusals.map((code) => [code, { title: `${code}`, status: code, script: () => status(code) }])),
  301: redirect(301),
  302: redirect(302),
  429: { title: '429', status: 429, script: () => status(429) },
  '429-seconds': {
    title: '429, `Retry-After: 1`',
    status: 429,
    retryAfterMs: 1000,
    script: () => status(429, { 'retry-after': '1' }),
  },
  '429-date': {
    title: '429, `Retry-After` with a date',
    status: 429,
    script: () => status(429, { 'retry-after': soon() }),
  },
  '429-malformed': {
    title: '429, `Retry-After: soon`',
    status: 429,
    script: () => status(429, { 'retry-after': 'soon' }),
  },
  '429-long': {
    title: '429, `Retry-After` above `maxRetryAfterMs`',
    status: 429,
    retryAfterMs: 2000,
    script: () => status(429, { 'retry-after': '2' }),
  },
  '503-seconds': {
    title: '503, `Retry-After: 1`',
    status: 503,
    retryAfterMs: 1000,
    script: () => status(503, { 'retry-after': '1' }),
  },
  '504-processed': {
    title: '504 although the request was processed',
    status: 504,
    script: () => ({ ...status(504), process: true }),
  },
  'login-throttle': {
    title: '400 `invalid_request`, "rate limit exceeded"',
    status: 400,
    only: ['token'],
    script: () => ({ ...status(400), body: THROTTLED_LOGIN }),
  },

  refused: { title: 'connection refused', front: 'refused' },
  handshake: { title: 'connection reset in the TLS handshake', front: 'handshake' },
  certificate: { title: 'certificate of an unknown authority', front: 'certificate' },
  'goaway-before': { title: 'HTTP/2 GOAWAY, request not processed', front: 'goaway' },
  'goaway-after': { title: 'HTTP/2 GOAWAY with the answer', front: 'goodbye' },
  'reset-before': { title: 'reset before the request was processed', script: () => ({ drop: 'before' }) },
  'reset-after': { title: 'reset after it was processed', script: () => ({ drop: 'after', reset: true }) },
  'closed-after': { title: 'closed after it was processed', script: () => ({ drop: 'after' }) },
  stall: { title: 'no answer', slow: true, script: () => ({ delayMs: FOREVER_MS }) },
  'slow-body': { title: 'body, a byte at a time', slow: true, script: (endpoint) => garbled(endpoint, drip) },
  'stalled-body': { title: 'headers, then no body', slow: true, script: (endpoint) => garbled(endpoint, hang) },
  truncated: { title: 'closed in the middle of the body', script: (endpoint) => garbled(endpoint, halve) },
  'length-long': {
    title: '`Content-Length` above the body',
    script: (endpoint) => garbled(endpoint, { contentLength: 100_000 }),
  },
  'length-short': {
    title: '`Content-Length` below the body',
    script: (endpoint) => garbled(endpoint, { contentLength: 7 }),
  },

  'not-json': { title: '200, not JSON', script: () => answered('<html>hello</html>') },
  null: { title: '200 `null`', script: () => answered('null') },
  array: { title: '200 `[]`', script: () => answered('[]') },
  string: { title: '200 `"x"`', script: () => answered('"x"') },
  object: { title: '200 `{}`', script: () => answered('{}') },
  empty: { title: '200, empty body', script: () => answered('') },
  'no-token': {
    title: '200 without a token',
    only: Object.keys(WITHOUT_TOKEN),
    script: (endpoint) => answered(WITHOUT_TOKEN[endpoint]),
  },
  forged: {
    title: '200, token with a wrong signature',
    only: ['create', 'refresh'],
    script: () => answered(FORGED),
  },
  disabled: {
    title: '200, channel is disabled',
    only: ['channel'],
    script: () => answered({ id: 'web', enabled: false }),
  },
  oversize: { title: 'body over 1 MiB', script: (endpoint) => garbled(endpoint, { padTo: MOST_BYTES + 1 }) },
};

/** 40 ms each: the shortest true answer has some twenty bytes. */
const drip = { chunkDelayMs: 40 };
const hang = { stallBody: true };
const halve = { drop: 'mid-body' };

/** The true answer, spoilt. That of the webhook has no body, so it gets one. */
function garbled(endpoint, how) {
  return endpoint === 'webhook' ? { ...answered({ received: true, by: 'the fault suite' }), ...how } : how;
}

function redirect(code) {
  return {
    title: `${code} to another path`,
    status: code,
    script: (_endpoint, url) => status(code, { location: `${url}/elsewhere` }),
  };
}
