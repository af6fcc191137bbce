// Holds what was reported against what the sandbox saw of web messaging.

import { isDeepStrictEqual } from 'node:util';
import { authenticated, compareEvents, compareRecords, groupBy, isSuccess } from './compare.mjs';

/**
 * Every difference as a sentence; none when all is as reported.
 *
 * @param {object} run
 * @param {object[]} run.outcomes what `authenticateAll` gave, with `nextJwt` and `signedOut` where it was so
 * @param {object[]} run.records the audit records
 * @param {object[]} run.requests the sandbox's log
 * @param {object[]} run.frames the frames of all sockets
 * @param {object[]} run.sessions the sessions that the sandbox has at the end
 * @param {object} run.state the sandbox's state: webhook events
 */
export function compareMessaging({ outcomes, records, requests, frames, sessions, state }) {
  const guests = authenticated(outcomes, records);
  const refused = outcomes.filter(({ error }) => error?.requestId);
  const on = (route) => requests.filter((request) => request.route === route);
  const texts = frames.filter(({ kind }) => kind === 'text');
  return [
    ...compareRecords(guests, outcomes, records),
    ...compareHandshakes(guests, refused, on('socket')),
    ...compareFrames(guests, texts),
    ...compareSessions(guests, sessions),
    ...compareContacts(guests, refused, on('contact-lookup')),
    ...compareSignIns(guests, on('exchange'), on('jwt-refresh'), on('revoke')),
    ...compareEvents(guests, state.webhookEvents),
    ...compareSecrets(guests, records, state.webhookEvents),
  ];
}

/** Each who was authenticated had a socket, and who was refused as forbidden was so by its handshake. */
function* compareHandshakes(guests, refused, requests) {
  const opened = requests.filter(({ status }) => status === 101).length;
  if (opened !== guests.length) yield `${opened} sockets for ${guests.length} guests`;
  const forbidden = refused.filter(({ error }) => error.code === 'FORBIDDEN').length;
  const shut = requests.filter(({ status }) => status === 403).length;
  if (shut !== forbidden) yield `${shut} handshakes refused, reported ${forbidden}`;
}

/** One session each, asked for in this guest's name and given, and one conversation with exactly the reported attributes. */
function* compareFrames(guests, frames) {
  const sent = frames.filter(({ from }) => from === 'client').map(({ text }) => JSON.parse(text));
  const answers = frames.filter(({ from }) => from === 'server').map(({ text }) => JSON.parse(text));
  const given = new Set(
    answers.filter((answer) => answer.class === 'SessionResponse').map((answer) => answer.tracingId),
  );
  const left = groupBy(sent, ({ token }) => token);
  for (const { line, payload, guestData, record } of guests) {
    const [configure, join, ...others] = left.get(guestData.token) ?? [];
    left.delete(guestData.token);
    if (!configure || !join || others.length > 0) {
      yield `line ${line}: not one session and one conversation, but other frames`;
      continue;
    }
    const action = guestData.jwt ? 'configureAuthenticatedSession' : 'configureSession';
    const isOwn = configure.deploymentId === payload.channelId && configure.tracingId === record?.requestId;
    if (configure.action !== action || configure.data?.code !== guestData.jwt || !isOwn) {
      yield `line ${line}: its session was asked for otherwise than reported`;
    }
    if (!given.has(configure.tracingId)) yield `line ${line}: the sandbox gave it no session`;
    const attributes = join.message?.channel?.metadata?.customAttributes ?? {};
    if (!isDeepStrictEqual(attributes, guestData.customAttributes)) {
      yield `line ${line}: its attributes are not those that were sent`;
    }
  }
  if (left.size > 0) yield `frames of ${left.size} guests that nobody reported`;
}

/** The sandbox has the session of each guest who has not signed out, and no others. */
function* compareSessions(guests, sessions) {
  const left = new Map(sessions.map((session) => [session.token, session]));
  for (const { line, payload, guestData, signedOut } of guests) {
    const session = left.get(guestData.token);
    left.delete(guestData.token);
    if ((session === undefined) !== (signedOut === true)) {
      yield `line ${line}: the sandbox ${session ? 'has' : 'lacks'} its session`;
    } else if (session && (session.subject ?? undefined) !== (guestData.jwt && String(payload.signIn))) {
      yield `line ${line}: the sandbox knows it as somebody else`;
    }
  }
  if (left.size > 0) yield `${left.size} sessions that nobody reported`;
}

/** The contact of each was looked up once, and found where a profile is reported; of those refused, at most once. */
function* compareContacts(guests, refused, requests) {
  const left = groupBy(requests, ({ body }) => JSON.parse(body).value);
  for (const { line, payload, record } of guests) {
    const lookup = left.get(payload.email)?.shift();
    const isFound = !['skipped', 'unavailable'].includes(record?.enrichment);
    if (!lookup) yield `line ${line}: its contact was not looked up`;
    else if (isSuccess(lookup) !== isFound) yield `line ${line}: its profile is not what the sandbox answered`;
  }
  for (const { payload } of refused) left.get(payload.email)?.shift();
  for (const { seq } of [...left.values()].flat())
    yield `request ${seq}: a contact was looked up for no line, or twice`;
}

/** The code, the refresh token and the JWT of each who has signed in were used as reported, and no others. */
function* compareSignIns(guests, exchanges, refreshes, revocations) {
  const codes = exchanges.filter(isSuccess).map(({ body }) => JSON.parse(body).oauth.code);
  const refreshed = refreshes.filter(isSuccess).map(({ body }) => JSON.parse(body).refreshToken);
  const revoked = revocations.filter(isSuccess).map(({ headers }) => headers.authorization.split(' ')[1]);
  const signedIn = guests.filter(({ options }) => options?.signIn);
  const due = {
    'sign-ins': [codes, signedIn.map(({ options }) => options.signIn.code)],
    refreshes: [refreshed, guests.filter(({ nextJwt }) => nextJwt).map(({ guestData }) => guestData.refreshToken)],
    'sign-outs': [revoked, guests.filter(({ signedOut }) => signedOut).map(({ nextJwt }) => nextJwt)],
  };
  for (const [name, [seen, reported]] of Object.entries(due)) {
    if (!isDeepStrictEqual([...seen].sort(), [...reported].sort())) {
      yield `the ${name} are others: ${seen.length}, reported ${reported.length}`;
    }
  }
}

/** Audit records and events know a guest by `guestId`. What could take the guest's place is in none of them. */
function* compareSecrets(guests, records, events) {
  const written = JSON.stringify([records, events]);
  for (const { line, guestData, nextJwt } of guests) {
    const secrets = [guestData.token, guestData.jwt, guestData.refreshToken, nextJwt].filter(Boolean);
    if (secrets.some((secret) => written.includes(secret))) yield `line ${line}: a secret of it is written down`;
  }
}
