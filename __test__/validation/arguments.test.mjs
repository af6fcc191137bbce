// Bad payloads and options: refused with a clear error, nothing sent, nothing reserved.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { guest, pkg, setup } from '../helpers/setup.mjs';

const { GuestConfigError, GuestValidationError } = pkg;

function cyclic() {
  const value = {};
  value.self = value;
  return value;
}

const kinds = {
  null: null,
  number: 5,
  NaN: Number.NaN,
  bigint: 10n,
  symbol: Symbol('x'),
  function: () => 'x',
  array: ['x'],
  object: {},
  bare: Object.create(null),
  date: new Date(0),
  map: new Map(),
  cycle: cyclic(),
  boxed: new String('jane@example.com'),
  boolean: false,
  yes: true,
  text: 'x',
  empty: '',
  half: '\ud800',
  nothing: undefined,
};
const without = (...names) => Object.keys(kinds).filter((name) => !names.includes(name));

/** By field: the kinds that are wrong for it. */
const wrong = {
  email: without(),
  consent: without('yes'),
  channelId: without('text', 'half'),
  name: without('text', 'empty', 'half', 'nothing'),
  attributes: without('object', 'bare', 'nothing', 'cycle'),
};

/** Nothing was sent, and the same address and channel can be authenticated. */
async function assertUntouched({ double, auth }) {
  assert.deepEqual([double.exchanges.length, double.sockets.size], [0, 0]);
  assert.equal(auth.metrics().liveSessions, 0);
}

describe('a bad payload is refused before anything is sent or reserved:', () => {
  for (const [field, names] of Object.entries(wrong)) {
    test(field, async (t) => {
      const context = await setup(t);
      for (const name of names) {
        const call = context.auth.authenticateGuest(guest({ [field]: kinds[name] }));
        const error = await call.catch((reason) => reason);
        assert.ok(error instanceof GuestValidationError, `${name}: ${error}`);
        assert.equal(error.code, 'VALIDATION_FAILED');
        assert.ok(
          error.issues.every(({ path }) => path.length === 1 && path[0] === field),
          name,
        );
      }
      await assertUntouched(context);
    });
  }

  test('the payload itself', async (t) => {
    const context = await setup(t);
    for (const name of without('object', 'bare', 'date', 'map', 'cycle', 'boxed')) {
      const error = await context.auth.authenticateGuest(kinds[name]).catch((reason) => reason);
      assert.ok(error instanceof GuestValidationError, `${name}: ${error}`);
      assert.deepEqual(error.issues[0].path, [], name);
    }
    for (const name of ['object', 'bare', 'date', 'map', 'cycle', 'boxed']) {
      const error = await context.auth.authenticateGuest(kinds[name]).catch((reason) => reason);
      assert.ok(error instanceof GuestValidationError, `${name}: ${error}`);
      const paths = error.issues.map(({ path }) => path[0]);
      assert.deepEqual(paths, ['email', 'consent', 'channelId'], name);
    }
    await assertUntouched(context);
  });

  test('a getter or a proxy that throws: with what it throws', async (t) => {
    const context = await setup(t);
    const own = new RangeError('out of reach');
    const raise = () => {
      throw own;
    };
    for (const field of Object.keys(wrong)) {
      const payload = Object.defineProperty(guest(), field, { get: raise });
      await assert.rejects(context.auth.authenticateGuest(payload), (error) => error === own);
    }
    for (const trap of ['get', 'has', 'getPrototypeOf']) {
      const payload = new Proxy(guest(), { [trap]: raise });
      const outcome = await context.auth.authenticateGuest(payload).catch((error) => error);
      if (trap === 'getPrototypeOf') assert.notEqual(outcome, undefined);
      else assert.equal(outcome, own, trap);
    }
    context.double.exchanges.length = 0;
  });

  test('attributes that JSON cannot write: with the TypeError of JSON.stringify', async (t) => {
    const context = await setup(t);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const cases = {
      bigint: { a: [{ b: 1n }] },
      cycle: { a: cyclic() },
      revoked: { a: proxy },
      getter: {
        a: {
          get b() {
            throw new TypeError('own');
          },
        },
      },
      toJSON: {
        a: {
          toJSON() {
            throw new TypeError('own');
          },
        },
      },
    };
    for (const [what, attributes] of Object.entries(cases)) {
      let wanted;
      try {
        JSON.stringify(attributes);
      } catch (error) {
        wanted = error;
      }
      const error = await context.auth.authenticateGuest(guest({ attributes })).catch((reason) => reason);
      assert.ok(error instanceof TypeError, `${what}: ${error}`);
      assert.equal(error.message, wanted.message, what);
    }
    await assertUntouched(context);
  });

  test('options.signal, on every method that takes one', async (t) => {
    const context = await setup(t);
    const { auth } = context;
    const calls = {
      authenticateGuest: (options) => auth.authenticateGuest(guest(), options),
      invalidateSession: (options) => auth.invalidateSession('a@example.com::web', options),
      rotateRefreshToken: (options) => auth.rotateRefreshToken('token', options),
      getAccessToken: (options) => auth.getAccessToken(options),
      warmUp: (options) => auth.warmUp(options),
    };
    for (const [name, call] of Object.entries(calls)) {
      for (const signal of [5, 'abort', {}, new AbortController(), () => {}]) {
        await assert.rejects(call({ signal }), { name: 'TypeError', message: /signal/ }, name);
      }
    }
    await assertUntouched(context);
    await auth.authenticateGuest(guest(), { signal: undefined });
    await auth.authenticateGuest(guest(), null);
    await auth.authenticateGuest(guest(), { signal: null });
  });

  test('the limit of close(), which then has not begun', async (t) => {
    const { auth } = await setup(t);
    for (const timeoutMs of [-1, Number.NaN, '5', {}, 1n, Symbol('x'), true]) {
      let closing;
      assert.doesNotThrow(() => {
        closing = auth.close({ timeoutMs });
      }, 'a method that gives a promise throws nothing');
      await assert.rejects(closing, (error) => error instanceof GuestConfigError && /timeoutMs/.test(error.message));
    }
    await auth.authenticateGuest(guest());
  });
});
