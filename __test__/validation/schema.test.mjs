// What a user of `GuestRequestSchema` relies on, by example. `property.test.mjs` compares it with zod at large.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';

const { GuestAuthError, GuestRequestSchema, GuestValidationError } = createRequire(import.meta.url)('../../index.js');

const good = Object.freeze({ email: 'jane@example.com', consent: true, channelId: 'web' });
const refuse = (payload) => GuestRequestSchema.safeParse(payload).error;

test('gives a new object with the known keys', () => {
  const tags = ['vip'];
  const attributes = { tags, since: undefined };
  const parsed = GuestRequestSchema.parse({ unknown: 1, attributes, name: 'Jane', ...good });
  assert.deepStrictEqual(parsed, { ...good, name: 'Jane', attributes });
  assert.deepEqual(Object.keys(parsed), ['email', 'consent', 'channelId', 'name', 'attributes']);
  assert.notEqual(parsed.attributes, attributes);
  assert.equal(parsed.attributes.tags, tags);
});

test('keeps an optional key that is there without a value', () => {
  assert.deepEqual(Object.keys(GuestRequestSchema.parse({ ...good, name: undefined })), [...Object.keys(good), 'name']);
  assert.deepEqual(Object.keys(GuestRequestSchema.parse(good)), Object.keys(good));
});

test('reports all issues at once, in schema order', () => {
  const { issues, message } = refuse({
    email: 'jane',
    consent: false,
    channelId: '',
    name: '😀'.repeat(101),
    attributes: [],
  });
  assert.deepEqual(
    issues.map((issue) => [issue.path[0], issue.message]),
    [
      ['email', 'Valid email address required for privacy compliance'],
      ['consent', 'Explicit opt-in consent is mandatory under privacy policy constraints'],
      ['channelId', 'Channel identifier cannot be empty'],
      ['name', 'Too big: expected string to have <=100 characters'],
      ['attributes', 'Invalid input: expected record, received array'],
    ],
  );
  assert.equal(message, JSON.stringify(issues, null, 2));
});

test('names what it was given instead of an object', () => {
  const names = [
    [undefined, 'undefined'],
    [null, 'null'],
    ['x', 'string'],
    [NaN, 'NaN'],
    [-Infinity, '-Infinity'],
    [1n, 'bigint'],
    [Symbol('x'), 'symbol'],
    [() => {}, 'function'],
    [[], 'array'],
  ];
  for (const [payload, name] of names) {
    assert.equal(refuse(payload).issues[0].message, `Invalid input: expected object, received ${name}`);
  }
  assert.match(refuse({ ...good, email: new Map() }).message, /expected string, received Map/);
});

test('counts code points of a name, and a lone surrogate as one', () => {
  for (const unit of ['a', 'é', '😀', '\ud800']) {
    assert.ok(GuestRequestSchema.safeParse({ ...good, name: unit.repeat(100) }).success, unit);
    assert.ok(!GuestRequestSchema.safeParse({ ...good, name: unit.repeat(101) }).success, unit);
  }
});

test('has the e-mail pattern of the installed zod', () => {
  assert.equal(refuse({ ...good, email: '' }).issues[0].pattern, `${z.regexes.email}`);
});

test('puts a symbol key into the path', () => {
  const key = Symbol('secret');
  const error = refuse({ ...good, attributes: { [key]: 1 } });
  assert.deepEqual(error.issues[0].path, ['attributes', key]);
  assert.deepEqual(error.format().attributes[key]._errors, ['Invalid input: expected string, received symbol']);
});

test('drops an own __proto__ of the attributes', () => {
  const { attributes } = GuestRequestSchema.parse({
    ...good,
    attributes: JSON.parse('{"__proto__": {"admin": true}, "a": 1}'),
  });
  assert.deepEqual(Reflect.ownKeys(attributes), ['a']);
  assert.equal(attributes.admin, undefined);
});

test('lets exceptions of the payload through, as they are', () => {
  const mine = { not: 'an error' };
  const payload = {
    get email() {
      throw mine;
    },
  };
  assert.throws(
    () => GuestRequestSchema.safeParse(payload),
    (thrown) => thrown === mine,
  );
});

test('asks for the class of a wrong value only when somebody wants to know', () => {
  let asked = 0;
  const email = Object.create({
    get constructor() {
      asked++;
      return Date;
    },
  });
  const result = GuestRequestSchema.safeParse({ ...good, email });
  assert.equal(asked, 0);
  assert.match(result.error.message, /received Date/);
  assert.equal(result.error, result.error);
  assert.equal(asked, 2);
});

test('a class that is gone when its name is asked for is a TypeError', () => {
  let asked = 0;
  const email = Object.create({
    get constructor() {
      return asked++ % 2 ? undefined : Date;
    },
  });
  const result = GuestRequestSchema.safeParse({ ...good, email });
  assert.throws(() => result.error, new TypeError("Cannot read properties of undefined (reading 'name')"));
});

test('is a ZodError to zod, and one of ours', () => {
  const error = refuse({ ...good, email: 1, channelId: '' });
  for (const Class of [z.ZodError, z.ZodRealError, z.core.$ZodError, Error, GuestAuthError, GuestValidationError]) {
    assert.ok(error instanceof Class, Class.name);
  }
  assert.deepEqual(
    [error.name, error.code, error.retryable, error.isEmpty],
    ['ZodError', 'VALIDATION_FAILED', false, false],
  );
  assert.deepEqual(Object.keys(z.treeifyError(error).properties), ['email', 'channelId']);
  assert.match(z.prettifyError(error), /✖ Channel identifier cannot be empty\n {2}→ at channelId/);
  assert.deepEqual(
    error.flatten(({ code }) => code),
    { formErrors: [], fieldErrors: { email: ['invalid_type'], channelId: ['too_small'] } },
  );
});

test('can be made and extended by hand', () => {
  const error = new GuestValidationError([]);
  const { addIssue, format, toString: text } = error;
  assert.ok(error.isEmpty);
  addIssue({ code: 'custom', path: ['__proto__', '_errors', 0], message: 'no' });
  error.addIssues([
    { code: 'invalid_union', path: ['a'], errors: [[{ code: 'custom', path: ['b'], message: 'deep' }]], message: '' },
  ]);
  assert.equal(text(), JSON.stringify(error.issues, null, 2));
  assert.deepEqual(format(), z.formatError(new z.ZodError(error.issues)));
  assert.equal({}._errors, undefined);
});

test('throws from where it was called', async () => {
  const firstFrame = (error) => error.stack.split('\n').find((line) => line.startsWith('    at '));
  // Not as tail calls, which JavaScriptCore takes off the stack.
  const callParse = () => {
    GuestRequestSchema.parse(1);
  };
  const callParseAsync = async () => {
    await GuestRequestSchema.parseAsync(1);
  };
  assert.throws(callParse, (error) => /callParse\b/.test(firstFrame(error)));
  // JavaScriptCore writes no message into a stack and loses async callers; it does so to zod's errors too.
  if (process.versions.bun) return;
  await assert.rejects(callParseAsync, (error) => /callParseAsync\b/.test(firstFrame(error)));
  assert.throws(callParse, (error) => error.stack.startsWith('ZodError: [\n  {\n    "expected": "object"'));
});

test('works without its object', async () => {
  const { parse, safeParse, parseAsync, safeParseAsync } = GuestRequestSchema;
  assert.deepEqual(parse(good), good);
  assert.deepEqual(safeParse(good), { success: true, data: good });
  assert.deepEqual(await parseAsync(good), good);
  assert.deepEqual(await safeParseAsync(good), { success: true, data: good });
});

test('is a Standard Schema', () => {
  const { version, vendor, validate } = GuestRequestSchema['~standard'];
  assert.deepEqual([version, vendor], [1, 'genesys-guest-auth']);
  assert.deepEqual(validate(good), { value: good });
  assert.deepEqual(validate(null).issues, refuse(null).issues);
});

test('no error shows what was in the payload', () => {
  const canary = 'canary-5e1f';
  const payload = { email: canary, consent: canary, channelId: [canary], name: canary.repeat(20), attributes: canary };
  const error = refuse(payload);
  assert.equal(error.issues.length, 5);
  for (const text of [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), error.stack, `${error}`]) {
    assert.ok(!text.includes(canary));
  }
});

test('huge strings take no longer than they are', () => {
  const huge = 'a.'.repeat(5_000_000);
  const started = performance.now();
  assert.equal(refuse({ email: `${huge}@`, consent: true, channelId: huge, name: huge }).issues.length, 2);
  assert.ok(performance.now() - started < 2000);
});

test('serves every thread', async () => {
  const index = fileURLToPath(new URL('../../index.js', import.meta.url));
  const code = `
    const { GuestRequestSchema } = require(${JSON.stringify(index)});
    const { parentPort } = require('node:worker_threads');
    parentPort.postMessage([GuestRequestSchema.parse(${JSON.stringify(good)}), GuestRequestSchema.safeParse({}).error.issues.length]);
  `;
  for (let round = 0; round < 3; round++) {
    const workers = [1, 2, 3].map(() => new Worker(code, { eval: true }));
    const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
    for (const [answer] of answers) assert.deepEqual(answer, [good, 3]);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  assert.ok(GuestRequestSchema.safeParse(good).success);
});
