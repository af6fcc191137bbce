// JSON keeps JavaScript's meaning: what is sent is what JSON.stringify writes, what comes back is what JSON.parse reads.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { Double } from '../helpers/double.mjs';
import { configOf, guest, pkg } from '../helpers/setup.mjs';
import { GuestRequestSchema as tutorialSchema } from '../helpers/tutorial-schema.mjs';

const RUNS = 300;
const deep = (levels, value) => JSON.parse('[{"a":'.repeat(levels) + JSON.stringify(value) + '}]'.repeat(levels));

let double;
let auth;
/** Fields of the next guest, as JSON text, behind or before the usual ones. */
let answer = ({ json }) => ({ body: double.guest(json) });

before(async () => {
  double = await Double.start();
  double.always('create', (exchange) => answer(exchange));
  double.always('crm', (exchange) => crm(exchange));
  const config = { ...configOf(double, { crm: true }), auditLogCallback: () => {} };
  auth = new pkg.GuestAuthenticator(config);
});
after(async () => {
  await auth.close();
  await double.close();
});

let profile;
const crm = () => (profile === undefined ? { status: 404, body: {} } : { body: profile });

/** The body of the creation for these attributes, as text. */
async function sent(attributes, more) {
  profile = undefined;
  answer = ({ json }) => ({ body: double.guest({ email: json.email }) });
  const payload = guest({ attributes, ...more });
  double.exchanges.length = 0;
  await auth.authenticateGuest(payload);
  return { payload, body: double.of('create')[0].body };
}

/** What zod and JSON.stringify make of the same payload, in the order of the contract. */
function wanted(payload) {
  const { email, consent, channelId, name, attributes } = tutorialSchema.parse(payload);
  return JSON.stringify({ email, consent, channelId, name, attributes });
}

/** The guest that comes back for an answer with these members, as JSON text. */
async function received(text) {
  profile = undefined;
  let whole;
  answer = ({ json }) => {
    const known = JSON.stringify(double.guest(json)).slice(1, -1);
    whole = text === '' ? `{${known}}` : `{${known},${text}}`;
    return { body: whole };
  };
  const { guestData } = await auth.authenticateGuest(guest());
  return { guestData, wanted: JSON.parse(whole), whole };
}

/** Values that JSON.stringify treats in all its ways. */
const strings = fc.string({ unit: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 3 }), halves()), maxLength: 6 });
const keys = fc.oneof(
  strings,
  fc.constantFrom('__proto__', 'constructor', 'toJSON!', 'hasOwnProperty', '0', '10', '2', '01', '4294967295', ''),
);
const leaves = fc.oneof(
  strings,
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, 5e-324, 1e21),
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(() => 1, Symbol('s'), new Map([[1, 2]]), new URL('https://x.example/'), /x/, new Error('e')),
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom(
    Object('boxed'),
    Object(5),
    Object(false),
    { toJSON: () => ({ made: 1 }) },
    { toJSON: () => undefined },
  ),
);
const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaves, tie('array'), tie('object')),
  array: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: false }),
}));
const objects = fc.array(fc.tuple(keys, values), { maxLength: 6 }).map((entries) => {
  const object = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
});

function halves() {
  return fc.constantFrom('\ud800', '\udfff', '\u2028', '\u0000', '"', '\\', '\ufeff', '\u007f');
}

describe('attributes are sent', () => {
  test('as JSON.stringify writes what zod returns', async () => {
    const run = async (attributes, name) => {
      // What zod refuses is not sent; the property tests of the schema compare that.
      fc.pre(tutorialSchema.safeParse({ email: 'a@b.co', consent: true, channelId: 'web', attributes }).success);
      const { payload, body } = await sent(attributes, { name, channelId: name || 'web' });
      assert.equal(body, wanted(payload));
    };
    await fc.assert(fc.asyncProperty(objects, strings, run), { numRuns: RUNS });
  });

  const cases = {
    'values that JSON has no word for': {
      dropped: undefined,
      nulls: [undefined, Number.NaN, Number.POSITIVE_INFINITY, Symbol('x'), () => 1],
      method() {},
      [Symbol.for('key').description]: 1,
      zero: -0,
      big: 2 ** 53 + 2,
      huge: Number.parseFloat('1e400'),
      date: new Date(Date.UTC(2026, 0, 2)),
      invalid: new Date(Number.NaN),
    },
    'half characters': { '\ud800': '\udfff', ok: '😀', 'a\udc00b': ['\ud83d'] },
    'an own __proto__ further down': { inner: JSON.parse('{"__proto__":{"a":1},"b":2}') },
    '10,000 keys': Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key-${i}`, i])),
    '100 levels': { deep: deep(50, 'bottom') },
    '1,000 levels': { deep: deep(500, 'bottom') },
    'a long text': { text: 'ä'.repeat(200_000) },
    'no attribute': {},
    'keys that are numbers': { b: 1, 10: 'ten', 2: 'two', '01': 'text', '-1': 'text' },
    'accessors and toJSON': {
      get computed() {
        return { toJSON: (key) => `for ${key}` };
      },
    },
    'a raw JSON of its own': { toJSON: () => ({ replaced: true }) },
  };
  for (const [what, attributes] of Object.entries(cases)) {
    test(what, async () => {
      const { payload, body } = await sent(attributes);
      assert.equal(body, wanted(payload));
    });
  }

  test('without an own __proto__ at the top, as zod drops it', async () => {
    const attributes = JSON.parse('{"a":1,"__proto__":{"polluted":true}}');
    const { body } = await sent(attributes);
    assert.match(body, /"attributes":\{"a":1\}\}$/);
  });

  test('without an inherited one', async () => {
    const attributes = Object.create({ inherited: 1 }, { hidden: { value: 1 } });
    attributes.own = 2;
    const { body } = await sent(attributes);
    assert.match(body, /"attributes":\{"own":2\}\}$/);
  });

  test('with the profile on top, as spreading two objects does', async () => {
    const run = async (attributes, found) => {
      profile = JSON.stringify(found);
      answer = ({ json }) => ({ body: double.guest({ email: json.email }) });
      double.exchanges.length = 0;
      await auth.authenticateGuest(guest({ attributes }));
      const { body, json } = double.of('attributes')[0];
      const consentTimestamp = json.attributes.consentTimestamp;
      const merged = {
        // What was sent at the creation, as JSON; zod drops the one key.
        ...JSON.parse(JSON.stringify(tutorialSchema.shape.attributes.parse(attributes)), own),
        ...JSON.parse(profile, own),
        consentTimestamp,
        authMethod: 'guest-api',
        sessionVersion: '1.0',
      };
      assert.deepEqual(JSON.parse(body).attributes, merged);
      assert.deepEqual(Object.keys(json.attributes), Object.keys(merged));
    };
    const own = (_key, value) => value;
    // zod takes an object with a constructor of its own for an instance of a class.
    const plain = objects.filter((object) => !Object.hasOwn(object, 'constructor'));
    await fc.assert(fc.asyncProperty(plain, plain, run), { numRuns: RUNS });
  });
});

describe('guestData is', () => {
  test('what JSON.parse reads, for any further members', async () => {
    const run = async (object) => {
      const text = JSON.stringify(object).slice(1, -1);
      const { guestData, wanted: expected } = await received(text);
      assert.deepEqual(guestData, expected);
      assert.deepEqual(Object.keys(guestData), Object.keys(expected));
    };
    await fc.assert(fc.asyncProperty(objects, run), { numRuns: RUNS });
  });

  const texts = {
    'unknown fields': '"routing":{"queue":null,"skills":[1,2.50,"x"]},"createdDate":"other"',
    'own __proto__ keys': '"__proto__":{"polluted":true},"inner":{"__proto__":5,"constructor":{"prototype":1}}',
    'half characters': '"\\ud800":"\\udfff","text":["\\ud83d\\ude00","\\ude00\\ud83d"]',
    'numbers of every size': '"n":[9007199254740993,12345678901234567890,-0,1e400,-1e400,1e-400,0.1e1,1E+2,5e-324]',
    'equal keys': '"a":1,"b":2,"a":{"c":1,"c":2},"guestId":"last","expiresIn":77',
    'escapes and blanks': ' "\\u0061\\/\\b" :\n\t[ true , null,false ] ,"\\u0065xpiresIn" : 99 ',
    '10,000 keys': Array.from({ length: 10_000 }, (_, i) => `"key-${i}":${i}`).join(','),
    '100 levels': `"deep":${'['.repeat(100)}1${']'.repeat(100)}`,
    '1,000 levels': `"deep":${'['.repeat(1000)}1${']'.repeat(1000)}`,
    'U+2028, U+0000 and the like': '"\u2028":"\u2029\\u0000\u007f\ufeff\uffff"',
    'a long text': `"text":"${'ä😀'.repeat(100_000)}"`,
  };
  for (const [what, text] of Object.entries(texts)) {
    test(`what JSON.parse reads: ${what}`, async () => {
      const { guestData, wanted: expected } = await received(text);
      assert.deepEqual(guestData, expected);
      assert.equal(Object.getPrototypeOf(guestData), Object.prototype);
      assert.equal({}.polluted, undefined);
    });
  }

  test('read with a byte order mark, and with bytes that are no UTF-8', async () => {
    const whole = (json) => JSON.stringify(double.guest(json, { text: 'é?' }));
    answer = ({ json }) => ({ body: Buffer.from(`\ufeff${whole(json)}`) });
    assert.equal((await auth.authenticateGuest(guest())).guestData.text, 'é?');
    answer = ({ json }) => ({ body: Buffer.from(whole(json).replace('?', '\u00ff'), 'latin1') });
    assert.equal((await auth.authenticateGuest(guest())).guestData.text, '\ufffd\ufffd');
  });

  test('of equal keys the last one, for us as for the caller', async () => {
    const audits = [];
    const auditLogCallback = (record) => audits.push(record);
    const own = new pkg.GuestAuthenticator({ ...configOf(double, { crm: true }), auditLogCallback });
    profile = '{"tier":"silver","tier":"gold"}';
    answer = ({ json }) => {
      const [one, two] = [double.guest(json), double.guest(json, { expiresIn: 77 })];
      return { body: `${JSON.stringify(one).slice(0, -1)},${JSON.stringify(two).slice(1)}` };
    };
    double.exchanges.length = 0;
    const { guestData, analytics } = await own.authenticateGuest(guest());
    await own.close();
    assert.deepEqual([analytics.guestId, analytics.crmTier], [guestData.guestId, 'gold']);
    assert.deepEqual([audits[0].guestId, audits[0].tokenExpiry], [guestData.guestId, 77]);
    assert.ok(double.of('attributes')[0].path.endsWith(`/${guestData.guestId}`));
  });

  for (const text of ['', 'null', '[]', '"guest"', '5', '{', '{"guestId":"g","token":"t"', '<html>', '{}{}']) {
    test(`never made of ${text || 'nothing'}`, async () => {
      answer = () => ({ body: text });
      const error = await auth.authenticateGuest(guest()).catch((reason) => reason);
      assert.ok(error instanceof pkg.GuestCreationError, error);
      assert.equal(error.status, 200);
    });
  }
});

describe('a session key is the address in lower case, two colons and the channel,', () => {
  const wantedKey = (email, channelId) => [email.toLowerCase(), channelId].join('::');
  const guard = new pkg.DuplicateSessionGuard();
  const assertKey = (email, channelId) => {
    assert.equal(auth.getSessionKey(email, channelId), wantedKey(email, channelId));
    assert.equal(guard.getSessionKey(email, channelId), wantedKey(email, channelId));
  };

  test('for every character that there is', () => {
    for (let start = 0; start < 0x110000; start += 0x400) {
      if (start >= 0xd800 && start < 0xe000) continue;
      const characters = Array.from({ length: 0x400 }, (_, i) => String.fromCodePoint(start + i));
      assertKey(characters.join('-'), characters.join(''));
    }
  });

  test('for any text', () => {
    const text = fc.string({
      unit: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('İI', 'ΑΣ', 'ΑΣΑ', 'ẞ')),
    });
    fc.assert(fc.property(text, text, assertKey), { numRuns: 1000 });
  });

  test('for half characters', () => {
    assertKey('\ud800@example.com', '\udfff');
    assert.equal(guard.checkDuplicate(guard.getSessionKey('a@example.com', '\ud800'), 'guest'), false);
    assert.equal(guard.checkDuplicate(guard.getSessionKey('a@example.com', '\ud801'), 'guest'), false);
  });
});
