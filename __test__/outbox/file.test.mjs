// The file of an outbox: who may have it, when it is free, what damage does, and a disk that refuses.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { run } from '../helpers/children.mjs';
import { configOf, failure, guest, pkg, root, startDouble, until, warningsOf } from '../helpers/setup.mjs';
import { deliveries, outboxFile, setupOutbox } from './setup.mjs';

const { GuestAuthenticator, GuestConfigError, GuestContextEnricher } = pkg;

const NEVER = [3_600_000];
const analytics = (auth) => auth.metrics().analytics;

function refusal(make) {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof GuestConfigError, error);
    return error.message;
  }
  return assert.fail('expected a refusal');
}

describe('one file', () => {
  test('serves one instance, until that is closed', async (t) => {
    const { double, open, path } = await setupOutbox(t);
    const first = open();
    assert.match(refusal(open), /^outbox.path is in use: another process, or another instance/);
    const enrich = () => new GuestContextEnricher('', `${double.url}/hook`, () => {}, { outbox: { path } });
    assert.match(refusal(enrich), /^outbox.path is in use/);
    await first.close();
    const second = open();
    await second.authenticateGuest(guest());
    await second.flush();
    assert.equal(double.of('webhook').length, 1);
  });

  test('serves one process', async (t) => {
    const { config, open } = await setupOutbox(t);
    open();
    const code = 'try { new pkg.GuestAuthenticator(config) } catch (error) { console.log(error.code, error.message) }';
    const { stdout } = await run(code, { config });
    assert.match(stdout, /^CONFIG_INVALID outbox.path is in use/);
  });

  test('serves one thread, and is free when that is ended', async (t) => {
    const { config, open } = await setupOutbox(t);
    const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { GuestAuthenticator } = require(workerData.root);
      globalThis.kept = new GuestAuthenticator({ ...workerData.config, auditLogCallback: () => {} });
      parentPort.postMessage('open');
      setInterval(() => {}, 1000);`;
    const { auditLogCallback: _, ...plain } = config;
    const worker = new Worker(code, { eval: true, workerData: { root, config: plain } });
    await new Promise((resolve) => worker.once('message', resolve));
    assert.match(refusal(open), /^outbox.path is in use/);
    await worker.terminate();
    await until(() => {
      try {
        return open();
      } catch {
        return false;
      }
    }, 'the file is free');
  });

  test('is not opened where nothing is sent', async (t) => {
    const double = await startDouble(t);
    const path = join(dirname(outboxFile(t)), 'missing', 'file');
    const auth = new GuestAuthenticator({ ...configOf(double), auditLogCallback: () => {}, outbox: { path } });
    await auth.authenticateGuest(guest());
    await failure(auth.deadLetters(), GuestConfigError);
    await auth.close();
  });

  test('must be one that can be had', async (t) => {
    const { open, path } = await setupOutbox(t);
    const at = (path) => refusal(() => open({ outbox: { path } }));
    assert.match(at(join(path, 'below')), /^outbox.path must name a file in a directory that exists/);
    mkdirSync(join(dirname(path), 'folder'));
    assert.match(at(join(dirname(path), 'folder')), /^outbox.path must name a file/);
    writeFileSync(path, 'not an outbox');
    assert.match(at(path), /^outbox.path must name an outbox, or a file that is empty or not there/);
    assert.deepEqual(
      [readdirSync(dirname(path)).sort(), readFileSync(path, 'utf8')],
      [['events.outbox', 'folder'], 'not an outbox'],
    );
    rmSync(path);
    if (process.getuid?.() !== 0) {
      writeFileSync(path, '', { mode: 0o400 });
      assert.match(at(path), /^outbox.path must name a file that this process may read and write/);
    }
  });
});

describe('the end of a process', () => {
  test('does not wait for events on disk', async (t) => {
    const { double, config, open } = await setupOutbox(t, { retryDelaysMs: NEVER });
    double.always('webhook', { status: 500 });
    const code = `
      const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback() {} });
      auth.authenticateGuest(guest()).then(() => auth.flush()).then(() => console.log(auth.metrics().analytics.pending));`;
    const { code: status, stdout, stderr, hung } = await run(code, { config, limitMs: 30_000 });
    assert.deepEqual([status, stdout.trim(), stderr, hung], [0, '1', '', false]);
    const next = open();
    await next.flush();
    assert.equal(analytics(next).pending, 1);
  });

  test('does not wait for an instance that only has events', async (t) => {
    const { config } = await setupOutbox(t);
    const code = 'new pkg.GuestAuthenticator({ ...config, auditLogCallback() {} });';
    const { code: status, hung } = await run(code, { config, limitMs: 30_000 });
    assert.deepEqual([status, hung], [0, false]);
  });
});

describe('close()', () => {
  test('waits for the attempt under way, and for nothing else', async (t) => {
    const { double, open } = await setupOutbox(t, { retryDelaysMs: NEVER });
    double.next('webhook', { status: 500 });
    const auth = open();
    await auth.authenticateGuest(guest());
    await auth.flush();
    const held = double.hold('webhook');
    await auth.authenticateGuest(guest());
    await double.arrival('webhook', 2);
    let closed = false;
    const closing = auth.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(closed, false);
    held.release();
    await closing;
    assert.deepEqual([analytics(auth).pending, analytics(auth).delivered], [1, 1]);
  });

  test('with a limit gives no event up', async (t) => {
    const warnings = warningsOf(t);
    const { double, open } = await setupOutbox(t);
    const held = double.hold('webhook');
    const first = open();
    await first.authenticateGuest(guest());
    const [exchange] = await double.arrival('webhook');
    await first.close({ timeoutMs: 10 });
    await exchange.cancelled;
    held.release();
    const second = open();
    await second.flush();
    const [before, after] = deliveries(double);
    assert.deepEqual(after, before);
    assert.deepEqual(warnings, []);
  });
});

describe('a damaged file', () => {
  const damages = {
    'cut off': (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    'half a header': (path) => truncateSync(path, 100),
    zeroed: (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
    'overwritten behind its beginning': (path) => writeFileSync(path, readFileSync(path).fill('x', 9)),
  };
  for (const [name, damage] of Object.entries(damages)) {
    test(`(${name}) is set aside, told of, and work goes on`, async (t) => {
      const warnings = warningsOf(t);
      const { double, open, path } = await setupOutbox(t, { retryDelaysMs: NEVER });
      double.next('webhook', { status: 500 });
      const first = open();
      await first.authenticateGuest(guest());
      await first.close();
      damage(path);
      const damaged = readFileSync(path);
      const second = open();
      await second.authenticateGuest(guest());
      await second.flush();
      assert.equal(analytics(second).delivered, 1);
      const aside = readdirSync(dirname(path)).filter((file) => file.includes('.corrupt-'));
      assert.equal(aside.length, 1);
      assert.match(aside[0], /^events\.outbox\.corrupt-\d{4}-\d\d-\d\dT/);
      assert.deepEqual(readFileSync(join(dirname(path), aside[0])), damaged);
      await until(() => warnings.length > 0, 'there is a warning');
      assert.equal(warnings[0].code, 'OUTBOX_SET_ASIDE');
      assert.ok(warnings[0].message.includes(aside[0]), warnings[0].message);
    });
  }
});

/** A limit on the size of files is a disk that is full, for one process. */
const canLimit = process.platform === 'linux' && has('prlimit');

function has(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('a disk that refuses loses no guest and no event, and is used again when it can be', {
  skip: !canLimit,
}, async (t) => {
  const { double, config, open } = await setupOutbox(t, { retryDelaysMs: NEVER });
  const held = double.hold('create');
  const code = `
    const { execFileSync } = require('node:child_process');
    const limit = (size) => execFileSync('prlimit', ['--pid', process.pid, '--fsize=' + size + ':unlimited']);
    const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback() {} });
    const warnings = [];
    process.on('warning', ({ code }) => warnings.push(code));
    (async () => {
      await auth.flush();
      const begun = auth.authenticateGuest(guest());
      await new Promise((resolve) => process.stdin.once('data', resolve));
      limit(1);
      process.stdout.write('limited\\n');
      const { guestData } = await begun;
      await auth.flush();
      const refused = await auth.authenticateGuest(guest({ channelId: 'b' })).catch((error) => error);
      const { pending } = auth.metrics().analytics;
      limit('unlimited');
      let later;
      while (!later) later = await auth.authenticateGuest(guest({ channelId: 'c' })).catch(() => undefined);
      await auth.close();
      process.stdin.destroy();
      const told = { guest: guestData.guestId, code: refused.code, message: refused.message, pending, warnings };
      console.log(JSON.stringify({ ...told, later: later.guestData.guestId }));
    })();`;
  double.always('webhook', { status: 500 });
  let child;
  const ended = run(code, {
    config,
    onStart: (started) => {
      child = started;
    },
  });
  await double.arrival('create');
  child.stdin.write('go\n');
  await new Promise((resolve) => child.stdout.once('data', resolve));
  held.release();
  const { stdout, stderr } = await ended;
  const told = JSON.parse(stdout.trim().split('\n').at(-1) || assert.fail(stderr));
  assert.equal(told.guest, 'guest-1');
  assert.deepEqual([told.code, told.pending, told.warnings[0]], ['STORE_UNAVAILABLE', 1, 'OUTBOX_UNWRITABLE']);
  assert.match(told.message, /^The outbox cannot be used \(.+\); nothing was sent$/);
  assert.equal(double.of('create').length, 2);
  double.always('webhook', { status: 204 });
  const next = open({ outbox: { retryDelaysMs: [1] } });
  await next.flush();
  assert.equal(analytics(next).delivered + analytics(next).pending, 2, 'both were written in the end');
});
