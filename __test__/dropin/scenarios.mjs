// What both must do alike. Each scenario sets the sandbox up and makes its calls; everything that can be seen of them is
// compared: requests, results, error texts, audit records.

const guest = (changes) => ({ email: 'Jane.Doe@Example.com', consent: true, channelId: 'web-1', ...changes });
const { email: _email, ...withoutEmail } = guest();

/** One call of authenticateGuest for each payload, one after the other. */
const authenticate =
  (...payloads) =>
  async ({ authenticator }, attempt) => {
    for (const payload of payloads) await attempt(() => authenticator.authenticateGuest(payload));
  };

const attributes = {
  nested: { deep: [1, 'two', null, { three: true }], empty: {} },
  date: new Date(0),
  absent: undefined,
  nothing: null,
  text: 'grüße 😀 "quoted" \\ \u2028',
  numbers: [0, -0, 1e21, 0.1, Number.NaN, Number.POSITIVE_INFINITY],
  list: [undefined, () => {}, Symbol('s')],
  custom: { toJSON: () => ({ made: 'by toJSON' }) },
  url: new URL('https://example.com/ä'),
  7: 'an index comes first',
  consentTimestamp: 'overwritten where there is a profile',
};

/** @type {Record<string, { before?: Function, calls: Function, placeholder?: boolean }>} */
export const scenarios = {
  'a guest with a profile': { calls: authenticate(guest({ name: 'Jane' })) },
  'a guest without a profile': { calls: authenticate(guest({ email: 'nocrm.jane@example.com' })) },
  'unknown fields are dropped and known ones put in order': {
    calls: authenticate({ attributes: { b: 1, a: 2 }, extra: 1, channelId: 'c', consent: true, email: 'a@b.co' }),
  },
  'attributes of every kind': { calls: authenticate(guest({ attributes })) },
  'attributes that are empty': { calls: authenticate(guest({ attributes: {} })) },
  'addresses and channels that need encoding': {
    calls: authenticate(
      guest({ email: "o'brien+tag@example.co.uk", channelId: 'web chat/ü?&=#' }),
      guest({ email: 'a_b-c@sub.example.museum', channelId: '::' }),
    ),
  },
  'a second call for the same guest': {
    calls: authenticate(guest(), guest({ email: 'JANE.DOE@example.com' })),
  },
  'the same address on another channel': { calls: authenticate(guest(), guest({ channelId: 'web-2' })) },
  'a session that was ended can be had again': {
    async calls({ authenticator }, attempt, sandbox) {
      await attempt(() => authenticator.authenticateGuest(guest()));
      await sandbox.endGuests();
      await attempt(() => authenticator.invalidateSession('jane.doe@example.com::web-1'));
      await attempt(() => authenticator.invalidateSession('nobody::nowhere'));
      await attempt(() => authenticator.authenticateGuest(guest()));
    },
  },

  'payloads that are refused before anything is sent': {
    calls: authenticate(
      guest({ consent: false }),
      guest({ consent: undefined }),
      guest({ consent: 'true' }),
      guest({ email: 'not an address' }),
      guest({ email: 'ünïcode@example.com' }),
      guest({ email: 42 }),
      guest({ channelId: '' }),
      guest({ channelId: null }),
      guest({ name: 'x'.repeat(101) }),
      guest({ name: 1n }),
      guest({ attributes: [] }),
      guest({ attributes: 'text' }),
      withoutEmail,
      { email: '', consent: false, channelId: '', name: 7, attributes: null },
      {},
      null,
      undefined,
      [],
      'text',
    ),
  },

  'a login that is refused, in words': {
    before: (sandbox) => sandbox.fault({ route: 'token', status: 401, body: 'client not found', count: null }),
    calls: authenticate(guest()),
  },
  'a creation that is refused, in JSON': {
    before: (sandbox) =>
      sandbox.fault({ route: 'create', status: 400, body: { message: 'no', code: 'bad.request', details: [] } }),
    calls: authenticate(guest()),
  },
  'a creation that is refused, in words': {
    before: (sandbox) => sandbox.fault({ route: 'create', status: 500, body: 'oh "no"' }),
    calls: authenticate(guest()),
  },
  'a creation that is refused, in the words of the platform': {
    calls: authenticate(guest({ channelId: 'disabled-1' }), guest({ channelId: 'unknown-1' })),
  },
  'a guest whom the server knows already': {
    async calls({ authenticator, tokens }, attempt) {
      await attempt(() => tokens.createGuestSession(guest()));
      await attempt(() => authenticator.authenticateGuest(guest()));
    },
  },
  'one 429, then success': {
    before: (sandbox) => sandbox.fault({ route: 'create', status: 429 }),
    calls: authenticate(guest()),
  },
  'three 429, then success': {
    before: (sandbox) => sandbox.fault({ route: 'create', status: 429, count: 3 }),
    calls: authenticate(guest()),
  },
  'nothing but 429': {
    before: (sandbox) => sandbox.fault({ route: 'create', status: 429, count: null, body: { message: 'later' } }),
    calls: authenticate(guest()),
  },
  'a token with a foreign signature': {
    before: (sandbox) =>
      sandbox.fault({ route: 'create', body: { guestId: 'g-1', token: 'a.b.0123456789abcdef', expiresIn: 60 } }),
    calls: authenticate(guest()),
  },
  'a token without a signature': {
    before: (sandbox) => sandbox.fault({ route: 'create', body: { guestId: 'g-1', token: 'plain', expiresIn: 60 } }),
    calls: authenticate(guest()),
  },
  'fields of the answer that nobody knows': {
    before: (sandbox) => sandbox.settings({ answerExtra: '{"later":{"n":1.50,"list":[]},"10":1,"e":"é\\u0041"}' }),
    calls: authenticate(guest()),
  },

  'a CRM that hangs up': crm({ drop: 'before' }),
  'a CRM that is too slow': crm({ delayMs: 3000 }),
  'a CRM that fails': crm({ status: 500 }),
  'a CRM that answers no JSON': crm({ body: '<html>' }, { placeholder: false }),
  'a CRM that answers a list': crm({ body: [] }, { placeholder: false }),
  'a CRM that answers null': crm({ body: 'null' }),
  'a profile without a tier': crm({ body: { customerId: 'c-1' } }),
  'a profile with an odd tier': crm({ body: { tier: { level: 3 }, extra: [1] } }),
  'a profile that would overwrite ours': crm({ body: { authMethod: 'forged', sessionVersion: 0, tier: 'gold' } }),

  'a webhook that fails': {
    before: (sandbox) => sandbox.fault({ route: 'webhook', status: 400, count: null }),
    calls: authenticate(guest()),
  },

  'the OAuth manager alone': {
    async calls({ oauth }, attempt) {
      await attempt(async () => typeof (await oauth.getAccessToken()));
      await attempt(async () => {
        const [one, other] = [await oauth.getAccessToken(), await oauth.getAccessToken()];
        return one === other;
      });
    },
  },
  'the duplicate guard alone': {
    async calls({ guard }, attempt) {
      for (const address of ['Jane@Example.com', 'İSTANBUL@x.tr', 'ΑΣ@x.gr', 'straße@x.de', 'ﬀ@x.y', '']) {
        await attempt(() => guard.getSessionKey(address, 'Web::1'));
      }
      const key = guard.getSessionKey('a@b.co', 'web');
      await attempt(() => guard.checkDuplicate(key, 'guest-1'));
      await attempt(() => guard.checkDuplicate('other', 'guest-2'));
      await attempt(() => guard.checkDuplicate(key, 'guest-3'));
      await attempt(() => guard.invalidate(key));
      await attempt(() => guard.invalidate('never seen'));
      await attempt(() => guard.checkDuplicate(key, 'guest-4'));
    },
  },
  'the token manager alone': {
    async calls({ tokens }, attempt) {
      let created;
      // It takes what it is given: validation is the authenticator's.
      await attempt(async () => {
        created = await tokens.createGuestSession(guest({ name: 'Jane', attributes: { a: [1] } }));
        return created;
      });
      await attempt(() => tokens.rotateRefreshToken(created.refreshToken));
      await attempt(() => tokens.createGuestSession(guest({ channelId: 'disabled-1' })));
    },
  },
  'the enricher alone': {
    async calls({ enricher }, attempt) {
      const created = { guestId: 'g-1', token: 't', expiresIn: 900, refreshToken: 'r', email: 'x', consent: true };
      await attempt(() => enricher.enrichAndSync(created, guest({ attributes: { a: 1 } })));
      await attempt(() => enricher.enrichAndSync(created, guest({ email: 'nocrm@example.com' })));
    },
    placeholder: false,
  },
};

/** A guest whose CRM misbehaves. `placeholder: false` where what the tutorial makes of it is not worth keeping. */
function crm(fault, options) {
  return {
    before: (sandbox) => sandbox.fault({ route: 'crm', count: null, ...fault }),
    calls: authenticate(guest({ attributes: { own: 1 } })),
    ...options,
  };
}
