// Writes `docs/faults.md` from the table.
//
//   node __test__/faults/document.mjs

import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENDPOINTS } from './endpoints.mjs';
import { FAULTS } from './faults.mjs';
import { TABLE } from './table.mjs';

const path = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'faults.md');

const ERRORS = {
  OAUTH_FAILED: 'OAuthError',
  GUEST_CREATION_FAILED: 'GuestCreationError',
  FORBIDDEN: 'GuestForbiddenError',
  CONFLICT: 'GuestConflictError',
  RATE_LIMITED: 'RateLimitedError',
  CHANNEL_UNAVAILABLE: 'ChannelUnavailableError',
  SIGNATURE_INVALID: 'TokenSignatureError',
  REFRESH_FAILED: 'TokenRefreshError',
  NETWORK: 'NetworkError',
  TIMEOUT: 'TimeoutError',
  DUPLICATE_SESSION: 'DuplicateSessionError',
};

const INTRODUCTION = `# What every fault comes to

Written by \`node __test__/faults/document.mjs\` from the table that \`npm test\` plays, fault by fault, against the sandbox.

- *While it stays*: the fault hits every request. *Gone after one*: it hits the first request alone.
- The number in brackets is how many requests the server saw; *0 of 4*: four attempts were made and none arrived.
- \`retryable\`: the same call may succeed later and is safe to repeat. For a creation: no guest can have been made.
- *Again*: what the same call comes to after the error, once the fault is gone. \`GuestConflictError\` after a creation: the
  server made the guest, but its answer was lost or unusable, and no second creation is tried on its own. After a success the
  same call is a \`DuplicateSessionError\`; a refresh token used again gives the newest guest token known for it.
- With \`maxRetries: 3\`. The waits between attempts follow \`Retry-After\` where there is one.

Every cell also proves that no reservation is left behind, that one call makes one guest at most, that after \`close()\` no
request runs and no connection is open, that no redirect is followed, that bearer tokens reach the API alone, that all
attempts of one call carry one \`X-Genesys-Request-Id\`, and that the instance goes on working.

The sandbox plays each of them in tests of your own, too:

\`\`\`ts
await sandbox.fault({ route: 'create', drop: 'after' }); // the guest is made, the answer is lost
await authenticator.authenticateGuest(guest).catch((error) => console.log(error.code, error.retryable)); // NETWORK false
await authenticator.authenticateGuest(guest).catch((error) => console.log(error.code)); // CONFLICT
\`\`\`
`;

/** What readers should know about an endpoint before its table. */
const NOTES = {
  token: 'Part of the first call that needs a token. No guest is created when it fails.',
  create:
    'Sent again only where the server cannot have taken the request: 429, 503 with `Retry-After`, no connection. A refused token ' +
    'is renewed once.',
  refresh:
    'Sent a second time at most: if the first one was processed, its token is used up and the second one meets a 409.',
  attributes:
    'The guest exists, so the call succeeds whatever happens; the audit record tells what became of the attributes.',
  channel:
    'Comes before the creation: when it fails, no guest is created. A 2xx that says nothing about the channel lets it pass.',
  crm:
    'Tried once. Without a profile nothing is PUT, and `metrics().crmFailures` counts it. The audit record says `skipped` where the ' +
    'CRM has no profile, and `unavailable` where it gave no usable answer, of which a process warning tells too.',
  webhook:
    'In the background: the call has succeeded already. Up to five attempts in about a minute; what is given up is reported with ' +
    '`process.emitWarning` and counted in `metrics().analytics.failed`.',
};

const COLUMNS = {
  call: ['Fault', 'While it stays', 'Gone after one', '`retryable`', 'Again'],
  attributes: ['Fault', 'While it stays', 'Gone after one'],
  crm: ['Fault', 'While it stays', 'Gone after one'],
  webhook: ['Fault', 'While it stays', 'Gone after one'],
};

const requests = ({ requests: seen, attempts = seen }) =>
  seen === attempts ? `(${seen})` : `(${seen} of ${attempts})`;
const named = (code) => (code === 'ok' ? 'ok' : `\`${ERRORS[code]}\``);

function outcome(result) {
  const { code, enrichment, delivery } = result;
  if (code !== undefined) return `${named(code)} ${requests(result)}`;
  if (delivery !== undefined) return `${delivery} ${requests(result)}`;
  return `${enrichment === 'skipped' ? 'ok' : enrichment} ${requests(result)}`;
}

const PROFILES = { skipped: 'no profile', unavailable: 'unavailable' };
const profile = (outcome) => `${PROFILES[outcome.enrichment] ?? 'profile'} ${requests(outcome)}`;

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

const rows = {
  call: ({ stays, once }) => [
    outcome(stays),
    same(stays, once) ? 'the same' : outcome(once),
    stays.code === undefined ? '' : stays.retryable ? 'yes' : 'no',
    stays.code === undefined ? '' : named(stays.again),
  ],
  attributes: ({ stays, once }) => [outcome(stays), same(stays, once) ? 'the same' : outcome(once)],
  crm: ({ stays, once }) => [profile(stays), same(stays, once) ? 'the same' : profile(once)],
  webhook: ({ stays, once }) => [outcome(stays), same(stays, once) ? 'the same' : outcome(once)],
};

const line = (cells) => `| ${cells.join(' | ')} |`;

function section(endpoint, cells) {
  const { title, request } = ENDPOINTS[endpoint];
  const form = endpoint in COLUMNS ? endpoint : 'call';
  return [
    `## ${title}`,
    '',
    `\`${request}\`. ${NOTES[endpoint]}`,
    '',
    line(COLUMNS[form]),
    line(COLUMNS[form].map(() => '---')),
    ...cells.map(([fault, cell]) => line([FAULTS[fault].title, ...rows[form](cell)])),
    '',
  ].join('\n');
}

/** The text as it should be. */
export function document() {
  return [INTRODUCTION, ...Object.entries(TABLE).map(([endpoint, cells]) => section(endpoint, cells))].join('\n');
}

/** The text as it is. */
export const written = () => readFile(path, 'utf8').catch(() => '');

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(path, document());
