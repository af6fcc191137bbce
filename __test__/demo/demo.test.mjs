// The demonstration: what it prints, its exit codes, and that it notices when the sandbox saw something else.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { compare } from '../../examples/demo/compare.mjs';
import { authenticateAll } from '../../examples/demo/guests.mjs';
import { percentile, progress } from '../../examples/demo/report.mjs';

const { binary } = createRequire(import.meta.url)('../../lib/testing/binary.js');
const examples = fileURLToPath(new URL('../../examples/', import.meta.url));

let folder;
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'guest-demo-test-')));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs a program of `examples/`; resolves to its exit code and what it printed. */
function run(program, ...args) {
  return runWith({}, program, ...args);
}

function runWith(settings, program, ...args) {
  return new Promise((resolve) => {
    const { INIT_CWD: _, ...env } = { ...process.env, ...settings };
    execFile(process.execPath, [join(examples, program), ...args], { cwd: folder, env }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

async function demoOf(name, text) {
  await writeFile(join(folder, name), text);
  return run('demo.mjs', name);
}

/** The refused lines and their codes, as printed. */
function refusals(stdout) {
  return [...stdout.matchAll(/^ {2}line +(\d+) {2}(\w+) /gm)].map(([, line, code]) => `${line} ${code}`);
}

describe('the demonstration', () => {
  test('authenticates the guests of the example file', async () => {
    const { code, stdout, stderr } = await run('demo.mjs');
    assert.equal(stderr, '');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^guests +32 in .*guests\.jsonl$/m);
    assert.match(stdout, /^authenticated +27$/m);
    assert.match(stdout, /^refused +5$/m);
    assert.deepEqual(refusals(stdout), [
      '9 VALIDATION_FAILED',
      '19 DUPLICATE_SESSION',
      '23 VALIDATION_FAILED',
      '26 VALIDATION_FAILED',
      '28 DUPLICATE_SESSION',
    ]);
    assert.match(stdout, /^latency p50 \/ p99 +[\d.]+ ms \/ [\d.]+ ms$/m);
    assert.match(stdout, /^webhook deliveries +27 of 27 confirmed by the sandbox$/m);
    assert.match(stdout, /^requests +1 token, 27 guests, 27 CRM, 25 attributes$/m);
    assert.doesNotMatch(stdout, /authenticating/, 'progress is for terminals');

    const [, count, path] = stdout.match(/^audit records +(\d+) in (.+)$/m);
    const records = (await readFile(join(folder, path), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(records.length, Number(count));
    assert.equal(records.filter(({ event }) => event === 'guest.authentication').length, 27);
    assert.ok(records.every(({ email }) => email.startsWith('***') || /^.\*\*\*@/u.test(email)));
  });

  test('reports broken lines by their number and skips empty ones', async () => {
    const guest = '{"email":"a@example.com","consent":true,"channelId":"web"}';
    const text = `\uFEFF${guest}\r\n\nno json\n  \n42\n{"email":{"toString":1}}\n${guest.toUpperCase()}\n${guest}`;
    const { code, stdout } = await demoOf('broken.jsonl', text);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^guests +6 in /m);
    assert.match(stdout, /^authenticated +1$/m);
    const expected = ['3 NOT_JSON', '5 VALIDATION_FAILED', '6 VALIDATION_FAILED', '7 NOT_JSON', '8 DUPLICATE_SESSION'];
    assert.deepEqual(refusals(stdout), expected);
  });

  test('passes on attributes of every kind, and reports what the server refuses', async () => {
    const attributes = '{"__proto__":{"x":1},"constructor":1,"b":{"__proto__":5},"1":2,"0":3,"tier":"x","huge":1e400}';
    const { code, stdout } = await demoOf(
      'odd.jsonl',
      [
        `{"email":"odd@example.com","consent":true,"channelId":"web","other":1,"attributes":${attributes}}`,
        '{"email":"closed@example.com","consent":true,"channelId":"disabled"}',
      ].join('\n'),
    );
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^authenticated +1$/m);
    assert.deepEqual(refusals(stdout), ['2 FORBIDDEN']);
  });

  test('takes a file without guests', async () => {
    const { code, stdout } = await demoOf('empty.jsonl', '\n');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^authenticated +0$/m);
  });

  test('fails when the sandbox saw something else', { skip: process.platform === 'win32' }, async () => {
    // A sandbox that keeps no log, by a program around it: it has seen the guests, but no requests.
    const program = join(folder, 'forgetful-sandbox');
    await writeFile(program, `#!/bin/sh\nexec '${binary()}' "$@" --no-log\n`, { mode: 0o755 });
    for (const [args, authenticated, difference] of [
      [[], 27, 'line 1: '],
      [['--web-messaging'], 6, '0 sockets for 6 guests'],
    ]) {
      const { code, stdout } = await runWith({ GENESYS_GUEST_AUTH_SANDBOX: program }, 'demo.mjs', ...args);
      assert.equal(code, 1, stdout);
      assert.match(stdout, new RegExp(`^authenticated +${authenticated}$`, 'm'));
      assert.match(stdout, new RegExp(`^The sandbox saw something else:\n {2}${difference}`, 'm'));
    }
  });

  test('does the same with web messaging', async () => {
    const { code, stdout, stderr } = await run('demo.mjs', '--web-messaging');
    assert.equal(stderr, '');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^guests +10 in .*guests-web-messaging\.jsonl$/m);
    assert.match(stdout, /^authenticated +6$/m);
    assert.deepEqual(refusals(stdout), [
      '6 FORBIDDEN',
      '7 DUPLICATE_SESSION',
      '8 VALIDATION_FAILED',
      '9 VALIDATION_FAILED',
    ]);
    assert.match(stdout, /^ {2}line 6 .*allowed domains must have the host of origin/m);
    assert.match(stdout, /^webhook deliveries +6 of 6 confirmed by the sandbox$/m);
    assert.match(stdout, /^requests +1 token, 7 sockets, [67] contacts, 2 exchanged, 2 refreshed, 1 revoked$/m);
    assert.match(stdout, /^The sandbox saw what is reported here\.$/m);
  });

  test('takes other guests with web messaging, signed in or not', async () => {
    const guest = { email: 'a@example.com', consent: true, channelId: '6a1f0f5e-0000-4000-8000-000000000001' };
    const lines = [guest, { ...guest, email: 'b@example.com', signIn: 5 }, { ...guest, signIn: 'too late' }, null];
    await writeFile(join(folder, 'web.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
    for (const args of [
      ['--web-messaging', 'web.jsonl'],
      ['web.jsonl', '--web-messaging'],
    ]) {
      const { code, stdout } = await run('demo.mjs', ...args);
      assert.equal(code, 0, stdout);
      assert.deepEqual(refusals(stdout), ['3 DUPLICATE_SESSION', '4 VALIDATION_FAILED']);
    }
  });

  test('says in one line that a file cannot be read', async () => {
    for (const name of ['missing.jsonl', '.']) {
      const { code, stdout, stderr } = await run('demo.mjs', name);
      assert.deepEqual({ code, stdout, lines: stderr.split('\n').length }, { code: 2, stdout: '', lines: 2 });
      assert.match(stderr, /^Cannot read /);
    }
  });
});

test('the quick start runs', async () => {
  const { code, stdout, stderr } = await run('quickstart.mjs');
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^[\da-f-]{36} (bronze|silver|gold|platinum)\n$/);
});

test('progress is one line that is written over, and ends empty', () => {
  const written = [];
  const out = { isTTY: true, cursorTo: () => written.push('|'), clearLine() {}, write: (text) => written.push(text) };
  const line = progress(2, out);
  line.show(1);
  line.end();
  assert.equal(written.join(''), '|authenticating 1 of 2|');
});

test('percentiles are of the nearest rank', () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.deepEqual([percentile(values, 50), percentile(values, 99), percentile([7], 50)], [50, 99, 7]);
});

describe('of two lines for one session the later one is refused', () => {
  test('although the earlier one is still under way', async () => {
    const taken = new Set();
    const authenticator = {
      // The first call takes longest: without waiting, the later line would be done first.
      async authenticateGuest({ email, delay }) {
        await new Promise((resolve) => setTimeout(resolve, delay));
        if (taken.has(email)) throw Object.assign(new Error('taken'), { code: 'DUPLICATE_SESSION' });
        taken.add(email);
        return { guestData: { guestId: String(delay) } };
      },
    };
    const payloads = [
      { email: 'a', delay: 50 },
      { email: 'a', delay: 0 },
      { email: 'b', delay: 0 },
    ];
    const guests = payloads.map((payload, index) => ({ line: index + 1, payload }));
    const outcomes = await authenticateAll(authenticator, guests, { atOnce: 3 });
    assert.deepEqual(
      outcomes.map(({ line, error }) => [line, error?.code]),
      [
        [1, undefined],
        [2, 'DUPLICATE_SESSION'],
        [3, undefined],
      ],
    );
  });
});

describe('the comparison', () => {
  let seen;
  before(async () => {
    const payload = (name) => ({ email: `${name}@example.com`, consent: true, channelId: 'web', attributes: { name } });
    const payloads = [payload('one'), payload('nocrm.two'), { ...payload('three'), consent: false }, payload('ONE')];
    const guests = payloads.map((payload, index) => ({ line: index + 1, payload }));
    const sandbox = await startSandbox();
    try {
      const records = [];
      const config = sandbox.config({ auditLogCallback: (record) => records.push(record) });
      const authenticator = new GuestAuthenticator(config);
      const outcomes = await authenticateAll(authenticator, guests, { atOnce: 2 });
      await authenticator.close();
      const errors = outcomes.map(({ error }) => error && { code: error.code, requestId: error.requestId });
      seen = {
        outcomes: outcomes.map((outcome, index) => ({ ...outcome, error: errors[index] })),
        records,
        requests: await sandbox.log(),
        state: await sandbox.state(),
      };
    } finally {
      await sandbox.close();
    }
  });

  /** What the comparison says after `change` has been made to what was seen. */
  function differences(change) {
    const doctored = structuredClone(seen);
    change(doctored);
    return compare(doctored);
  }

  const first = (doctored, route) => doctored.requests.find((request) => request.route === route);
  const drop = (doctored, route) => doctored.requests.splice(doctored.requests.indexOf(first(doctored, route)), 1);
  const rewrite = (request, change) => {
    const body = JSON.parse(request.body);
    change(body);
    request.body = JSON.stringify(body);
  };

  test('finds no difference in what really happened', () => {
    assert.deepEqual(
      differences(() => {}),
      [],
    );
  });

  const cases = {
    'a creation that the sandbox never saw': (doctored) => drop(doctored, 'create'),
    'a creation that the sandbox refused': (doctored) => {
      first(doctored, 'create').status = 500;
    },
    'a second guest for one line': (doctored) => doctored.requests.push(first(doctored, 'create')),
    'a creation for a refused line': (doctored) => {
      const { headers, ...rest } = first(doctored, 'create');
      doctored.requests.push({ ...rest, headers: { ...headers, 'x-genesys-request-id': 'other' } });
    },
    'a creation without a request id': (doctored) => {
      doctored.requests.push({ ...first(doctored, 'create'), headers: {} });
    },
    'a refused line that made a guest': (doctored) => {
      doctored.outcomes[2].error.requestId = 'other';
      const { headers, ...rest } = first(doctored, 'create');
      doctored.requests.push({ ...rest, headers: { ...headers, 'x-genesys-request-id': 'other' } });
    },
    'another body': (doctored) => rewrite(first(doctored, 'create'), (body) => Object.assign(body, { name: 'other' })),
    'a guest that the sandbox does not know': (doctored) => doctored.state.guests.shift(),
    'a guest that nobody reported': (doctored) => {
      doctored.state.guests.push({ ...doctored.state.guests[0], guestId: 'other' });
    },
    'a guest of another channel': (doctored) => {
      doctored.state.guests[0].channelId = 'other';
    },
    'a missing update': (doctored) => drop(doctored, 'attributes'),
    'an update too many': (doctored) => doctored.requests.push(first(doctored, 'attributes')),
    'an update of a stranger': (doctored) => {
      doctored.requests.push({ ...first(doctored, 'attributes'), path: '/guests/other' });
    },
    'an attribute that got lost': (doctored) => {
      rewrite(first(doctored, 'attributes'), ({ attributes }) => delete attributes.name);
    },
    'attributes without the consent': (doctored) => {
      rewrite(first(doctored, 'attributes'), ({ attributes }) => delete attributes.consentTimestamp);
    },
    'an event that did not arrive': (doctored) => doctored.state.webhookEvents.pop(),
    'an event with another body': (doctored) => {
      doctored.state.webhookEvents[0].body += ' ';
    },
    'an event without an id': (doctored) => {
      doctored.state.webhookEvents[0].id = null;
    },
    'an event that came twice under two ids': (doctored) => {
      doctored.state.webhookEvents.push({ ...doctored.state.webhookEvents[0], id: 'other' });
    },
    'an event of a stranger': (doctored) => {
      doctored.state.webhookEvents.push({ id: 'other', json: { guestId: 'other' }, body: '{}' });
    },
    'a lookup for a refused line': (doctored) => {
      doctored.requests.push({ ...first(doctored, 'crm'), query: 'email=three%40example.com' });
    },
    'a second token': (doctored) => doctored.requests.push(first(doctored, 'token')),
    'no token': (doctored) => drop(doctored, 'token'),
    'a missing audit record': (doctored) => doctored.records.splice(0, 1),
    'an audit record that shows the address': (doctored) => {
      const record = doctored.records.find(({ guestId }) => guestId);
      const { payload } = doctored.outcomes.find(({ result }) => result?.guestData.guestId === record.guestId);
      record.email = payload.email;
    },
  };
  for (const [name, change] of Object.entries(cases)) {
    test(`finds ${name}`, () => assert.notDeepEqual(differences(change), []));
  }

  test('takes a delivery that was repeated under the same id', () => {
    const again = (doctored) => doctored.state.webhookEvents.push(doctored.state.webhookEvents[0]);
    assert.deepEqual(differences(again), []);
  });
});
