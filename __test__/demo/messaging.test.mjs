// The demonstration's comparison with web messaging: that it notices when the sandbox saw something else.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { compareMessaging } from '../../examples/demo/compare-messaging.mjs';
import { authenticateAll } from '../../examples/demo/guests.mjs';

const OPEN = '6a1f0f5e-0000-4000-8000-000000000001';
const SHUT = '6a1f0f5e-0000-4000-8000-000000000002';

/** Two anonymous guests, one of them without a contact, two who have signed in, one of whom leaves, and one refused. */
async function run() {
  const deployments = [
    { id: OPEN, auth: true, upgrade: true },
    { id: SHUT, domains: ['partner.example'] },
  ];
  const sandbox = await startSandbox({ deployments });
  try {
    const line = (name, more) => ({ email: `${name}@example.com`, consent: true, channelId: OPEN, ...more });
    const payloads = [
      line('one', { attributes: { cart: 1 } }),
      line('nocrm.two'),
      line('three', { signIn: 'ada' }),
      line('four', { signIn: 'eve' }),
      line('five', { channelId: SHUT }),
    ];
    const guests = payloads.map((payload, index) => ({ line: index + 1, payload }));
    for (const guest of guests.slice(2, 4)) {
      guest.options = { signIn: await sandbox.signIn({ subject: guest.payload.signIn }) };
    }
    const records = [];
    const authenticator = new GuestAuthenticator(
      sandbox.config({
        guestApi: 'web-messaging',
        contacts: true,
        startConversation: true,
        auditLogCallback: (record) => records.push(record),
      }),
    );
    const outcomes = await authenticateAll(authenticator, guests, { atOnce: 2 });
    for (const outcome of outcomes.slice(2, 4)) {
      outcome.nextJwt = await authenticator.rotateRefreshToken(outcome.result.guestData.refreshToken);
    }
    const { nextJwt, result } = outcomes[3];
    await authenticator.signOut(nextJwt, { refreshToken: result.guestData.refreshToken });
    outcomes[3].signedOut = true;
    await authenticator.close();
    const { code, requestId } = outcomes[4].error;
    outcomes[4].error = { code, requestId };
    return {
      outcomes,
      records,
      requests: await sandbox.log(),
      frames: await sandbox.frames(),
      sessions: (await sandbox.messagingState()).sessions,
      state: await sandbox.state(),
    };
  } finally {
    await sandbox.close();
  }
}

describe('the comparison with web messaging', () => {
  let seen;
  before(async () => {
    seen = await run();
  });

  /** What the comparison says after `change` has been made to what was seen. */
  function differences(change) {
    const doctored = structuredClone(seen);
    change(doctored);
    return compareMessaging(doctored);
  }

  const first = ({ requests }, route) => requests.find((request) => request.route === route);
  const drop = (doctored, route) => doctored.requests.splice(doctored.requests.indexOf(first(doctored, route)), 1);
  const frame = ({ frames }, text) => frames.find((candidate) => candidate.text.includes(text));
  const replace = (doctored, old, text) => {
    const found = frame(doctored, old);
    found.text = found.text.replace(old, text);
  };

  test('finds no difference in what really happened', () => {
    assert.deepEqual(
      differences(() => {}),
      [],
    );
  });

  const cases = {
    'a socket that the sandbox never saw': [/3 sockets for 4 guests/, (doctored) => drop(doctored, 'socket')],
    'a guest who was not refused by the handshake': [
      /0 handshakes refused/,
      ({ requests }) => {
        requests.find(({ route, status }) => route === 'socket' && status === 403).status = 500;
      },
    ],
    'a session of another kind': [
      /otherwise than reported/,
      (doctored) => replace(doctored, 'configureAuthenticatedSession', 'configureSession'),
    ],
    'a session of another deployment': [/otherwise than reported/, (doctored) => replace(doctored, OPEN, SHUT)],
    'another JWT': [
      /otherwise than reported/,
      (doctored) => replace(doctored, doctored.outcomes[2].result.guestData.jwt, 'other'),
    ],
    'another request id': [/otherwise|gave it no/, ({ records }) => Object.assign(records[0], { requestId: 'other' })],
    'a session that was not given': [
      /gave it no session/,
      (doctored) => doctored.frames.splice(doctored.frames.indexOf(frame(doctored, 'SessionResponse')), 1),
    ],
    'a conversation that was not begun': [
      /other frames/,
      (doctored) => doctored.frames.splice(doctored.frames.indexOf(frame(doctored, 'onMessage')), 1),
    ],
    'an attribute that got lost': [/attributes/, (doctored) => replace(doctored, '"cart":"1"', '"cart":"2"')],
    'frames of a stranger': [
      /frames of 1 guests/,
      ({ frames }) => frames.push({ kind: 'text', from: 'client', text: '{"token":"other"}' }),
    ],
    'a session that is gone': [/lacks its session/, ({ sessions }) => sessions.pop()],
    'a session of somebody signed out': [
      /has its session/,
      ({ sessions, outcomes }) => sessions.push({ ...sessions[0], token: outcomes[3].result.guestData.token }),
    ],
    'a session of a stranger': [/1 sessions that/, ({ sessions }) => sessions.push({ ...sessions[0], token: 'other' })],
    'a session of somebody else': [
      /as somebody else/,
      ({ sessions }) => Object.assign(sessions.find(({ subject }) => subject) ?? {}, { subject: 'mallory' }),
    ],
    'a contact that was not looked up': [/not looked up/, (doctored) => drop(doctored, 'contact-lookup')],
    'a contact that was looked up twice': [
      /looked up for no line, or twice/,
      (doctored) => doctored.requests.push(first(doctored, 'contact-lookup')),
    ],
    'a profile that nobody gave': [
      /profile is not/,
      ({ requests }) => {
        requests.find(({ route, body }) => route === 'contact-lookup' && body.includes('one@')).status = 404;
      },
    ],
    'a sign-in too few': [/sign-ins are others: 1/, (doctored) => drop(doctored, 'exchange')],
    'a refresh too many': [
      /refreshes are others: 3/,
      (doctored) => doctored.requests.push(first(doctored, 'jwt-refresh')),
    ],
    'a sign-out of another JWT': [
      /sign-outs are others/,
      (doctored) => {
        first(doctored, 'revoke').headers.authorization = 'Bearer other';
      },
    ],
    'an event that did not arrive': [/0 webhook events/, ({ state }) => state.webhookEvents.pop()],
    'a missing audit record': [/no audit record/, ({ records }) => records.splice(0, 1)],
    'an audit record with the token': [
      /a secret of it/,
      ({ records, outcomes }) => Object.assign(records[0], { guestId: outcomes[0].result.guestData.token }),
    ],
    'an event with the refresh token': [
      /a secret of it/,
      ({ state, outcomes }) => Object.assign(state.webhookEvents[0], outcomes[2].result.guestData),
    ],
  };
  for (const [name, [sentence, change]] of Object.entries(cases)) {
    test(`finds ${name}`, () => assert.match(differences(change).join('\n'), sentence));
  }
});
