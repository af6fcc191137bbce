// Holds what was reported against what the sandbox saw.

/** Attributes that may differ from those of the line: the profile's fields and the three that are always set win. */
const OVERRIDING = ['customerId', 'tier', 'lastInteraction', 'consentTimestamp', 'authMethod', 'sessionVersion'];

/**
 * Every difference as a sentence; none when all is as reported.
 *
 * @param {object} run
 * @param {object[]} run.outcomes what `authenticateAll` gave
 * @param {object[]} run.records the audit records
 * @param {object[]} run.requests the sandbox's log
 * @param {object} run.state the sandbox's state: guests and webhook events
 */
export function compare({ outcomes, records, requests, state }) {
  const guests = authenticated(outcomes, records);
  const refused = outcomes.filter(({ result }) => !result);
  const on = (route) => requests.filter((request) => request.route === route);
  return [
    ...compareRecords(guests, outcomes, records),
    ...compareCreations(guests, refused, on('create')),
    ...compareGuests(guests, state.guests),
    ...compareLookups(guests, refused, on('crm')),
    ...compareAttributes(guests, on('attributes')),
    ...compareEvents(guests, state.webhookEvents),
    ...compareTokens(on('token'), on('create')),
  ];
}

/** Who was authenticated, each with the audit record of the call. */
export function authenticated(outcomes, records) {
  const recordOf = new Map(records.map((record) => [record.guestId, record]));
  return outcomes
    .filter(({ result }) => result)
    .map((outcome) => {
      const { guestData, analytics } = outcome.result;
      return { ...outcome, guestId: guestData.guestId, guestData, analytics, record: recordOf.get(guestData.guestId) };
    });
}

/** A record for each call, and no address in clear. */
export function* compareRecords(guests, outcomes, records) {
  for (const { line, payload, record } of guests) {
    if (!record) yield `line ${line}: no audit record`;
    if (record?.email === payload.email) yield `line ${line}: the audit record holds the address in clear`;
  }
  const calls = outcomes.filter(({ payload }) => payload !== undefined).length;
  if (records.length !== calls) yield `${records.length} audit records for ${calls} calls`;
}

/** One guest for each who was authenticated, made of exactly that line, and none for anybody else. */
function* compareCreations(guests, refused, requests) {
  const byId = groupBy(requests, ({ headers }) => headers['x-genesys-request-id']);
  const reported = new Set();
  for (const { line, payload, record } of guests) {
    reported.add(record?.requestId);
    const made = (byId.get(record?.requestId) ?? []).filter(isSuccess);
    if (made.length !== 1) yield `line ${line}: authenticated, but the sandbox made ${made.length} guests for it`;
    if (made.some(({ body }) => body !== bodyOf(payload)))
      yield `line ${line}: what was sent is not what the line says`;
  }
  // What was refused before anything was sent has no request id.
  for (const { line, error } of refused) {
    reported.add(error.requestId);
    const made = error.requestId ? (byId.get(error.requestId) ?? []).filter(isSuccess) : [];
    if (made.length > 0) yield `line ${line}: refused, but the sandbox made a guest for it`;
  }
  for (const id of byId.keys()) {
    if (id === undefined || !reported.has(id)) yield `request ${id}: sent for a line that was refused without sending`;
  }
}

/** The sandbox knows each guest under the id that was reported, and no others. */
function* compareGuests(guests, known) {
  const left = new Map(known.map((guest) => [guest.guestId, guest]));
  for (const { line, payload, guestId } of guests) {
    const { email, channelId } = left.get(guestId) ?? {};
    left.delete(guestId);
    if (email !== payload.email || channelId !== payload.channelId) {
      yield `line ${line}: the sandbox knows another guest, or none, as ${guestId}`;
    }
  }
  for (const guestId of left.keys()) yield `guest ${guestId}: the sandbox has a guest that nobody reported`;
}

/** The CRM hears of the guests that were sent, once each, and of nobody else. */
function* compareLookups(guests, refused, requests) {
  const sent = [...guests, ...refused.filter(({ error }) => error.requestId)];
  const left = groupBy(sent, ({ payload }) => payload.email);
  for (const { seq, query } of requests) {
    const line = left.get(new URLSearchParams(query).get('email'))?.pop();
    if (!line) yield `request ${seq}: the CRM was asked for a refused line, or twice for the same one`;
  }
}

/** One update for each guest with a profile. */
function* compareAttributes(guests, requests) {
  const left = groupBy(requests.filter(isSuccess), ({ path }) => path.split('/').at(-1));
  for (const { line, payload, guestId, record } of guests) {
    const updates = left.get(guestId) ?? [];
    left.delete(guestId);
    const due = record?.enrichment === 'applied' ? 1 : 0;
    if (updates.length !== due) yield `line ${line}: ${updates.length} attribute updates, reported ${due}`;
    if (!updates.every(({ body }) => isEnriched(JSON.parse(body).attributes, payload.attributes))) {
      yield `line ${line}: its attributes are not those of the line and of the CRM`;
    }
  }
  for (const guestId of left.keys()) yield `guest ${guestId}: attributes were sent for a guest that nobody reported`;
}

/** One event for each guest, word for word what the call returned. A repeated delivery has the same id. */
export function* compareEvents(guests, events) {
  const left = groupBy(events, ({ json }) => json?.guestId);
  for (const { line, guestId, analytics } of guests) {
    const own = left.get(guestId) ?? [];
    left.delete(guestId);
    if (deliveries(own) !== 1) yield `line ${line}: ${deliveries(own)} webhook events instead of one`;
    if (own.some(({ id }) => !id)) yield `line ${line}: its webhook event has no id`;
    if (own.some(({ body }) => body !== JSON.stringify(analytics))) {
      yield `line ${line}: its webhook event is not what the call returned`;
    }
  }
  for (const guestId of left.keys()) yield `guest ${guestId}: a webhook event for a guest that nobody reported`;
}

/** One token serves all. */
function* compareTokens(requests, creations) {
  const due = creations.length > 0 ? 1 : 0;
  if (requests.length !== due) yield `${requests.length} token requests instead of ${due}`;
}

/** Events that arrived, repeats not counted. */
export function deliveries(events) {
  return new Set(events.map(({ id }) => id)).size;
}

export function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}

export function isSuccess({ status }) {
  return status >= 200 && status < 300;
}

/** The body of a creation: the fields of a guest request and no others, in their fixed order. */
function bodyOf({ email, consent, channelId, name, attributes }) {
  return JSON.stringify({ email, consent, channelId, name, attributes: attributes && withoutProto(attributes) });
}

/** `__proto__` can be a key in JSON. It is not passed on, as with zod. */
function withoutProto({ ['__proto__']: _, ...attributes }) {
  return attributes;
}

/** The line's attributes where the profile has none of that name, and what says how the guest came in. */
function isEnriched(attributes, own = {}) {
  const { consentTimestamp, authMethod, sessionVersion } = attributes;
  const isKept = ([name, value]) =>
    OVERRIDING.includes(name) || JSON.stringify(attributes[name]) === JSON.stringify(value);
  return (
    !Number.isNaN(Date.parse(consentTimestamp)) &&
    authMethod === 'guest-api' &&
    sessionVersion === '1.0' &&
    Object.entries(withoutProto(own)).every(isKept)
  );
}
