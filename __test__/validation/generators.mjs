// Payloads that nobody would write by hand, for comparing `GuestRequestSchema` with zod.

import { runInNewContext } from 'node:vm';
import fc from 'fast-check';

// ---- Values. Made once and given to both sides, so that identity can be compared; only containers are made anew for each.

const REFUSAL = new RangeError('asked too much');
const thrower = () => {
  throw REFUSAL;
};

function named(name) {
  class Odd {}
  Object.defineProperty(Odd, 'name', typeof name === 'function' ? { get: name } : { value: name });
  return new Odd();
}

const revoked = (target) => {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
};

const withConstructor = (given) => ({ constructor: given, a: 1 });

// biome-ignore lint/complexity/useArrowFunction: has a prototype, which an arrow function has not
const withOwnIsPrototypeOf = Object.assign(function () {}, { prototype: { isPrototypeOf: 1 } });

const cycle = { deep: {} };
cycle.deep.self = cycle;

const ODD_VALUES = [
  ...[undefined, null, true, false, 0, -0, 1, NaN, Infinity, -Infinity, 5n, '', 'x', Symbol('s'), Symbol.iterator],
  ...[() => {}, thrower, class A {}, Set, Math.max, function named(_a, _b) {}, Object.assign(() => {}, { a: 1 })],
  ...[[], [1], Array(100), Array(101), new Array(5), Object.setPrototypeOf([], Object.prototype), new Proxy([], {})],
  ...[{}, { a: 1 }, Object.create(null), Object.create({ a: 1 }), Object.create(Object.create(null)), Object.prototype],
  ...[
    new Date(0),
    new Date(NaN),
    new Map([['a', 1]]),
    new Set([1]),
    /x/,
    new Error('e'),
    Promise.resolve(1),
    new WeakMap(),
  ],
  ...[new Boolean(true), new String('a@b.co'), new String(''), new Number(1), Object(5n), Object(Symbol('boxed'))],
  ...[new Uint8Array(101), new ArrayBuffer(2), Buffer.from('a@b.co'), new URL('http://a.b'), JSON, Math],
  ...[0, '0', '5', '1000', '', 'x', null, NaN, 5n, 0n, Object(5n), {}, Symbol('length'), true].map((length) => ({
    length,
  })),
  ...[
    { length: { valueOf: () => 200 } },
    { length: { valueOf: thrower } },
    { length: { [Symbol.toPrimitive]: () => 1n } },
  ],
  ...['toString', '__proto__', 'constructor', 'nan', 'number', '', 'Ω\ud800', 'received '].map(named),
  ...[undefined, null, 5, Symbol('name'), { toString: () => 'Tricky' }, { toString: thrower }, thrower].map(named),
  ...[undefined, null, 0, '', 'text', 7, Date, Map, Object, thrower, { name: 'Fake' }, class {}].map(withConstructor),
  ...[withConstructor(withOwnIsPrototypeOf), withConstructor(runInNewContext('Object')), cycle],
  ...[
    runInNewContext('({ a: 1 })'),
    runInNewContext('[]'),
    runInNewContext('new Date()'),
    runInNewContext('(() => 1)'),
  ],
  ...[revoked({}), revoked([]), new Proxy({ a: 1 }, {}), new Proxy(() => {}, {}), new Proxy(new Date(), {})],
  ...[new Proxy({}, { getPrototypeOf: thrower }), new Proxy({}, { get: thrower }), new Proxy({}, { has: () => false })],
  ...[new Proxy({ a: 1 }, { ownKeys: thrower }), new Proxy({ a: 1 }, { getOwnPropertyDescriptor: thrower })],
  ...[{ toJSON: () => undefined }, { toJSON: () => 5 }, { toJSON: thrower }, { a: 5n }, { a: undefined, b: () => {} }],
  ...[
    Object.freeze({ a: 1 }),
    Object.defineProperty({}, 'hidden', { value: 1 }),
    JSON.parse('{"__proto__": {"a": 1}, "b": 2}'),
  ],
  ...[Object.defineProperty({ b: 1 }, 'a', { get: thrower, enumerable: true }), { [Symbol('s')]: 1, a: 1 }],
];

// Values are described as `{ is: value }`, `{ odd: index }` or `{ object }`: fast-check itself would trip over some of them.
const is = (arbitrary) => arbitrary.map((value) => ({ is: value }));

const realise = (described, log) => {
  if ('object' in described) return build(described.object.container, described.object.properties, log);
  return 'odd' in described ? ODD_VALUES[described.odd] : described.is;
};

const anything = fc.oneof(
  { weight: 3, arbitrary: fc.record({ odd: fc.nat(ODD_VALUES.length - 1) }) },
  {
    weight: 1,
    arbitrary: is(
      fc.anything({
        maxDepth: 2,
        maxKeys: 4,
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withNullPrototype: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
      }),
    ),
  },
);

// Units of every kind: lone and paired surrogates, combining marks, what looks like ASCII after a careless conversion.
const oddUnit = fc.constantFrom(
  ...'a.Z0@-_+\'" \n\0é\u0301ſ\u212a\ufffd\uff20\u{1f600}',
  '\ud800',
  '\udc00',
  '\u0141',
  '\u0140',
);
export const oddString = fc.oneof(
  fc.array(fc.nat(0xffff), { maxLength: 12 }).map((units) => String.fromCharCode(...units)),
  fc.array(oddUnit, { maxLength: 12 }).map((units) => units.join('')),
);

const local = fc.stringMatching(/^[A-Za-z0-9_'+-]{0,8}[A-Za-z0-9_+-]$/);
const label = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9-]{0,6}$/);
export const goodEmail = fc
  .tuple(
    fc.array(local, { minLength: 1, maxLength: 3 }),
    fc.array(label, { minLength: 1, maxLength: 3 }),
    fc.stringMatching(/^[A-Za-z]{2,5}$/),
  )
  .map(([locals, labels, last]) => `${locals.join('.').replace(/'\./g, '.')}@${labels.join('.')}.${last}`);
export const nearEmail = fc
  .tuple(goodEmail, fc.array(fc.tuple(fc.nat(), fc.nat(2), oddUnit), { minLength: 1, maxLength: 2 }))
  .map(([email, edits]) =>
    edits.reduce((text, [at, removed, inserted]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + (removed < 2 ? inserted : '') + text.slice(start + (removed > 0 ? 1 : 0));
    }, email),
  );

/** Around 100 of something that is one or two units, or one that looks like several. */
const longName = fc
  .tuple(
    fc.constantFrom('a', 'é', 'e\u0301', '\u{1f600}', '\ud800', '\udc00', '👩‍👧'),
    fc.integer({ min: 48, max: 102 }),
    oddString,
  )
  .map(([unit, count, rest]) => unit.repeat(count) + rest);

// ---- Payloads, described as data.

const property = (value) =>
  fc.record({
    value,
    how: fc.oneof(
      { weight: 14, arbitrary: fc.constant('own') },
      { weight: 4, arbitrary: fc.constantFrom('missing', 'inherited', 'getter', 'throws', 'vanishes', 'hidden') },
    ),
  });

const mostly = (good, bad, weight = 8) => fc.oneof({ weight, arbitrary: good }, { weight: 1, arbitrary: bad });

const key = fc.oneof(
  fc.constantFrom('a', 'b', '10', '2', '-1', '__proto__', 'constructor', 'toJSON', 'length', 'é', '\ud800', ''),
  fc.constantFrom('email', 'consent', 'attributes', 'hasOwnProperty', '_errors', 'prototype'),
);
const symbol = fc.constantFrom(Symbol('s'), Symbol.hasInstance, Symbol.iterator, Symbol.for('t'), Symbol());

const CONTAINERS = [
  'null prototype',
  'class',
  'child',
  'frozen',
  'array',
  'function',
  'map',
  'proxy',
  'liar',
  'array proxy',
];
const container = mostly(fc.constant('plain'), fc.constantFrom(...CONTAINERS), 4);

const object = (property) =>
  fc.record({ object: fc.record({ container, properties: fc.array(property, { maxLength: 5 }) }) });

const attributes = object(fc.tuple(mostly(key, symbol, 30), property(anything)));

// What zod asks of a value that it does not want: its length, and the name of its class.
const asked = fc.constantFrom('length', 'constructor', 'name');
const bad = fc.oneof({ weight: 2, arbitrary: anything }, object(fc.tuple(asked, property(anything))));

const missing = fc.constant({ is: undefined });

export const payload = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      container,
      email: property(mostly(is(goodEmail), fc.oneof(is(nearEmail), is(nearEmail), is(oddString), bad), 3)),
      consent: property(mostly(is(fc.constant(true)), bad)),
      channelId: property(mostly(is(fc.oneof(fc.constantFrom('web', 'é', '\ud800x'), oddString)), bad)),
      name: property(mostly(fc.oneof(is(oddString), is(longName), missing), bad)),
      attributes: property(mostly(fc.oneof(attributes, attributes, missing), bad)),
      unknown: fc.array(fc.tuple(mostly(key, symbol), property(anything)), { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ itself: bad }) },
);

const FIELDS = ['email', 'consent', 'channelId', 'name', 'attributes'];

/** Builds a payload, which notes in `log` what is asked of it. */
export function make(described, log) {
  if ('itself' in described) return realise(described.itself, log);
  const fields = FIELDS.map((field) => [field, described[field]]);
  return build(described.container, [...described.unknown, ...fields], log);
}

function build(container, properties, log) {
  const parent = {};
  const object = emptyContainer(container, parent);
  for (const [name, { value, how }] of properties) {
    if (how === 'missing') continue;
    const given = realise(value, log);
    // Plain assignment is much faster, and nearly all that is done here.
    if (how === 'own' && !(name in object)) {
      object[name] = given;
      continue;
    }
    const target = how === 'inherited' ? parent : object;
    const get = () => {
      log.push(['read', name]);
      if (how === 'throws') thrower();
      if (how === 'vanishes') delete object[name];
      return given;
    };
    const isRead = how === 'getter' || how === 'throws' || how === 'vanishes';
    const descriptor = isRead ? { get } : { value: given, writable: true };
    // An array's `length` takes not everything: then it stays as it is.
    attempt(() =>
      Object.defineProperty(target, name, { ...descriptor, enumerable: how !== 'hidden', configurable: true }),
    );
  }
  if (container === 'frozen') return Object.freeze(object);
  return container.endsWith('proxy') || container === 'liar' ? watched(object, log, container === 'liar') : object;
}

function emptyContainer(container, parent) {
  switch (container) {
    case 'null prototype':
      return Object.setPrototypeOf({}, Object.setPrototypeOf(parent, null));
    case 'class':
      return Object.setPrototypeOf({}, Object.setPrototypeOf(parent, class Payload {}.prototype));
    case 'array':
    case 'array proxy':
      return Object.setPrototypeOf([], Object.setPrototypeOf(parent, Array.prototype));
    case 'function':
      return Object.setPrototypeOf(() => {}, Object.setPrototypeOf(parent, Function.prototype));
    case 'map':
      return Object.setPrototypeOf(new Map(), Object.setPrototypeOf(parent, Map.prototype));
    case 'plain':
      return {};
    default:
      return Object.setPrototypeOf({}, parent);
  }
}

/** A proxy that writes down what it is asked, and may deny some of its keys. */
function watched(target, log, lies) {
  return new Proxy(target, new Watch(log, lies));
}

class Watch {
  constructor(log, lies) {
    this.log = log;
    this.lies = lies;
  }
}
for (const trap of ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf', 'set', 'deleteProperty']) {
  Watch.prototype[trap] = function (object, name, ...rest) {
    this.log.push([trap, name]);
    if (this.lies && trap === 'has' && this.log.length % 2) return false;
    return Reflect[trap](object, name, ...rest);
  };
}

/** `{ value }` or `{ thrown }`. */
export const attempt = (work) => {
  try {
    return { value: work() };
  } catch (thrown) {
    return { thrown };
  }
};
