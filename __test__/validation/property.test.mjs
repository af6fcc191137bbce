// `GuestRequestSchema` against the same schema written in zod, on payloads that nobody would write by hand. What one of the
// two does that a payload can notice (answers, exceptions, the order in which proxies and getters are asked), the other does.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { attempt, goodEmail, make, nearEmail, oddString, payload } from './generators.mjs';

const { GuestRequestSchema, GuestTokenManager } = createRequire(import.meta.url)('../../index.js');

const inZod = z.object({
  email: z.string().email('Valid email address required for privacy compliance'),
  consent: z.boolean().refine((given) => given === true, {
    message: 'Explicit opt-in consent is mandatory under privacy policy constraints',
  }),
  channelId: z.string().min(1, 'Channel identifier cannot be empty'),
  name: z.string().max(100).optional(),
  attributes: z.record(z.string(), z.any()).optional(),
});

// ---- Comparison.

function sameOutcome(ours, theirs, compare) {
  assert.deepEqual(Object.keys(ours), Object.keys(theirs), 'one of them throws');
  if ('value' in theirs) compare(ours.value, theirs.value);
  else if (!Object.is(ours.thrown, theirs.thrown)) {
    assert.equal(ours.thrown.message, theirs.thrown.message);
    if (!(theirs.thrown instanceof z.ZodError)) {
      assert.equal(Object.getPrototypeOf(ours.thrown), Object.getPrototypeOf(theirs.thrown));
    }
  }
}

const own = (object) => Reflect.ownKeys(object).map((name) => [name, Object.getOwnPropertyDescriptor(object, name)]);

/** Equal, of equal order, and holding the same values, not copies. */
function sameData(ours, theirs) {
  const [mine, yours] = [own(ours), own(theirs)];
  assert.equal(Object.getPrototypeOf(ours), Object.prototype);
  assert.deepEqual(
    mine.map(([name]) => name),
    yours.map(([name]) => name),
  );
  for (const [i, [name, { value, ...flags }]] of mine.entries()) {
    const { value: expected, ...expectedFlags } = yours[i][1];
    assert.deepEqual(flags, expectedFlags);
    if (name === 'attributes' && expected !== undefined && !Object.is(value, expected)) sameData(value, expected);
    else assert.ok(Object.is(value, expected), String(name));
  }
}

function sameError(ours, theirs) {
  assert.ok(ours instanceof z.ZodError);
  assert.deepStrictEqual(ours.issues, theirs.issues);
  assert.equal(JSON.stringify(ours.issues), JSON.stringify(theirs.issues), 'order of keys');
  assert.equal(ours.message, theirs.message);
  assert.equal(`${ours}`, `${theirs}`);
  assert.equal(ours.name, theirs.name);
  assert.deepStrictEqual(ours.format(), theirs.format());
  assert.deepStrictEqual(ours.flatten(), theirs.flatten());
  assert.equal(JSON.stringify([ours.format(), ours.flatten()]), JSON.stringify([theirs.format(), theirs.flatten()]));
}

function sameResult(ours, theirs) {
  assert.equal(ours.success, theirs.success);
  assert.deepEqual(Object.keys(ours), Object.keys(theirs));
  if (theirs.success) sameData(ours.data, theirs.data);
}

/** What a schema's method does with a payload of its own. */
function run(schema, method, described) {
  const log = [];
  const outcome = attempt(() => schema[method](make(described, log)));
  return { outcome, log };
}

const BUDGET = { numRuns: Number(process.env.PROPERTY_RUNS ?? 100_000) };

test('judges, reports and asks as zod does', () => {
  const seen = { passed: 0, refused: 0, threw: 0, codes: new Set() };
  fc.assert(
    fc.property(payload, (described) => {
      const [ours, theirs] = [GuestRequestSchema, inZod].map((schema) => run(schema, 'safeParse', described));
      assert.deepStrictEqual(ours.log, theirs.log, 'asked otherwise');
      sameOutcome(ours.outcome, theirs.outcome, sameResult);
      const result = theirs.outcome.value;
      if (result?.success === false) {
        const errors = [ours, theirs].map(({ outcome }) => attempt(() => outcome.value.error));
        assert.deepStrictEqual(ours.log, theirs.log, 'asked otherwise for the error');
        sameOutcome(...errors, sameError);
        for (const issue of errors[1].value?.issues ?? []) seen.codes.add(issue.code);
      }
      seen[result === undefined ? 'threw' : result.success ? 'passed' : 'refused']++;

      const parsed = [GuestRequestSchema, inZod].map((schema) => run(schema, 'parse', described));
      assert.deepStrictEqual(parsed[0].log, parsed[1].log, 'asked otherwise by parse');
      sameOutcome(parsed[0].outcome, parsed[1].outcome, sameData);
    }),
    BUDGET,
  );
  // Neither side of the coin may starve.
  const share = (count) => count / BUDGET.numRuns;
  assert.ok(share(seen.passed) > 0.1 && share(seen.refused) > 0.3 && share(seen.threw) > 0.02, JSON.stringify(seen));
  const codes = ['custom', 'invalid_format', 'invalid_key', 'invalid_type', 'too_big', 'too_small'];
  assert.deepEqual([...seen.codes].sort(), codes);
});

test('judges e-mail addresses as zod does', () => {
  const good = { consent: true, channelId: 'web' };
  let passed = 0;
  fc.assert(
    fc.property(fc.oneof(goodEmail, nearEmail, nearEmail, nearEmail, fc.emailAddress(), oddString), (email) => {
      const [ours, theirs] = [GuestRequestSchema, inZod].map((schema) => schema.safeParse({ email, ...good }));
      assert.equal(ours.success, theirs.success);
      if (theirs.success) passed++;
    }),
    { ...BUDGET, numRuns: BUDGET.numRuns / 2 },
  );
  assert.ok(passed > BUDGET.numRuns / 8 && passed < (BUDGET.numRuns * 3) / 8, `${passed} passed`);
});

test('answers promises and Standard Schema as zod does', async () => {
  const settle = (work) =>
    Promise.resolve()
      .then(work)
      .then(
        (value) => ({ value }),
        (thrown) => ({ thrown }),
      );
  const ask = async (schema, described) => {
    const log = [];
    const given = () => make(described, log);
    const parsed = await settle(() => schema.parseAsync(given()));
    const safe = await settle(() => schema.safeParseAsync(given()));
    const immediate = attempt(() => schema['~standard'].validate(given()));
    const standard = await settle(() => immediate.value);
    return { log, parsed, safe, standard, isPromise: immediate.value instanceof Promise };
  };
  await fc.assert(
    fc.asyncProperty(payload, async (described) => {
      const ours = await ask(GuestRequestSchema, described);
      const theirs = await ask(inZod, described);
      assert.deepStrictEqual(ours.log, theirs.log);
      assert.equal(ours.isPromise, theirs.isPromise);
      sameOutcome(ours.parsed, theirs.parsed, sameData);
      sameOutcome(ours.safe, theirs.safe, sameResult);
      sameOutcome(ours.standard, theirs.standard, (mine, yours) => {
        if ('value' in yours) sameData(mine.value, yours.value);
        else assert.deepStrictEqual(mine, yours);
      });
    }),
    { ...BUDGET, numRuns: BUDGET.numRuns / 20 },
  );
});

test('sends what JSON.stringify makes of what zod returns', { skip: !GuestTokenManager }, async (t) => {
  const bodies = [];
  const server = createServer(async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()).toString());
    response.writeHead(400).end('{}');
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const manager = new GuestTokenManager(`http://127.0.0.1:${server.address().port}`, async () => 'token');
  t.after(() => manager.close());

  let sent = 0;
  await fc.assert(
    fc.asyncProperty(payload, async (described) => {
      bodies.length = 0;
      const [mine, yours] = [[], []];
      const failure = await manager.createGuestSession(make(described, mine)).catch((thrown) => thrown);
      const expected = attempt(() => JSON.stringify(inZod.parse(make(described, yours))));
      assert.deepStrictEqual(mine, yours);
      if ('value' in expected) {
        assert.equal(failure?.code, 'GUEST_CREATION_FAILED');
        assert.deepEqual(bodies, [expected.value]);
        sent++;
        return;
      }
      assert.deepEqual(bodies, [], 'sent although refused');
      if (expected.thrown instanceof z.ZodError) assert.equal(failure.message, expected.thrown.message);
      else sameOutcome({ thrown: failure }, expected);
    }),
    { ...BUDGET, numRuns: BUDGET.numRuns / 20 },
  );
  assert.ok(sent > BUDGET.numRuns / 200, `${sent} sent`);
});
