// The classes where there are several of each: worker threads, copies of the package, zod.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { configOf, failure, guest, pkg, root, setup, startDouble } from '../helpers/setup.mjs';
import { GuestRequestSchema } from '../helpers/tutorial-schema.mjs';

const require = createRequire(import.meta.url);

describe('a second copy of the package', () => {
  let folder;
  let copy;
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'guest-copy-')));
    for (const part of ['index.js', 'index.mjs', 'package.json', 'lib', 'native']) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    copy = require(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('has classes of its own, whose instances count as those of the first', () => {
    for (const name of Object.keys(pkg).filter((key) => key.endsWith('Error'))) {
      assert.notEqual(copy[name], pkg[name]);
      const make = (Class) => (name === 'GuestValidationError' ? new Class([]) : new Class('told'));
      for (const [one, other] of [
        [pkg, copy],
        [copy, pkg],
      ]) {
        const error = make(one[name]);
        assert.ok(error instanceof other[name], name);
        assert.ok(error instanceof other.GuestAuthError, name);
        const Unrelated = name === 'OAuthError' ? other.NetworkError : other.OAuthError;
        assert.equal(error instanceof Unrelated, false, name);
      }
    }
    assert.ok(new copy.RateLimitedError('told') instanceof pkg.GuestCreationError);
    assert.equal(new copy.GuestCreationError('told') instanceof pkg.RateLimitedError, false);
  });

  test('works beside the first one', async (t) => {
    const { double, auth, config } = await setup(t);
    const other = new copy.GuestAuthenticator(config);
    t.after(() => other.close());
    const payload = guest();
    await Promise.all([auth.authenticateGuest(payload), other.authenticateGuest(payload)]);
    const error = await failure(other.authenticateGuest(payload), pkg.DuplicateSessionError);
    assert.ok(error instanceof copy.DuplicateSessionError);
    assert.equal(double.of('create').length, 2);
  });

  test('without the SDK says how to install it', async (t) => {
    const double = await startDouble(t);
    const auth = new copy.GuestAuthenticator(configOf(double));
    assert.throws(
      () => auth.getSdkClient(),
      (error) => {
        assert.ok(error instanceof pkg.SdkNotInstalledError);
        assert.equal(error.code, 'SDK_NOT_INSTALLED');
        assert.match(error.message, /npm install purecloud-platform-client-v2/);
        return true;
      },
    );
  });
});

describe('a worker thread', () => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const pkg = require(workerData.root);
    (async () => {
      const { GuestAuthenticator } = await import(workerData.module);
      const auth = new GuestAuthenticator({ ...workerData.config, auditLogCallback: () => {} });
      const { guestData } = await auth.authenticateGuest(workerData.payload);
      const error = await auth.authenticateGuest(workerData.payload).catch((reason) => reason);
      const { name, code, message } = error;
      const isOurs = error instanceof pkg.DuplicateSessionError && error instanceof pkg.GuestAuthError;
      await auth.close();
      parentPort.postMessage({ guestId: guestData.guestId, name, code, message, isOurs });
    })();
  `;

  test('has the same classes by require and import, and ends by itself', async (t) => {
    const double = await startDouble(t);
    const module = new URL('../../index.mjs', import.meta.url).href;
    const workers = [1, 2, 3].map(async (i) => {
      const workerData = {
        root,
        module,
        config: configOf(double),
        payload: guest({ email: `worker-${i}@example.com` }),
      };
      const worker = new Worker(source, { eval: true, workerData });
      const ended = once(worker, 'exit');
      const [message] = await once(worker, 'message');
      assert.deepEqual(await ended, [0]);
      return message;
    });
    for (const { guestId, ...message } of await Promise.all(workers)) {
      assert.match(guestId, /^guest-\d$/);
      assert.deepEqual(message, {
        name: 'DuplicateSessionError',
        code: 'DUPLICATE_SESSION',
        message: 'Duplicate active session detected for this email and channel combination',
        isOurs: true,
      });
    }
  });
});

describe('a validation error', () => {
  const bad = { email: 'nobody', consent: false, channelId: '', name: 'x'.repeat(101), attributes: [] };

  test('passes for one of zod', async (t) => {
    const { auth } = await setup(t);
    const error = await failure(auth.authenticateGuest(bad), pkg.GuestValidationError, 'VALIDATION_FAILED');
    const { error: wanted } = GuestRequestSchema.safeParse(bad);
    assert.ok(error instanceof z.ZodError);
    assert.ok(error instanceof z.core.$ZodError);
    assert.ok(error instanceof pkg.GuestAuthError && error instanceof Error);
    assert.deepEqual([error.name, error.message], ['ZodError', wanted.message]);
    assert.deepEqual(error.issues, wanted.issues);
    assert.deepEqual(error.format(), wanted.format());
    assert.deepEqual(error.flatten(), wanted.flatten());
    for (const show of [z.treeifyError, z.prettifyError, z.flattenError, z.formatError]) {
      assert.deepEqual(show(error), show(wanted));
    }
  });

  test('of the schema is the one of the authenticator', async (t) => {
    const { auth } = await setup(t);
    const error = await failure(auth.authenticateGuest(bad), pkg.GuestValidationError);
    const { success, error: parsed } = pkg.GuestRequestSchema.safeParse(bad);
    assert.equal(success, false);
    assert.deepEqual(parsed.issues, error.issues);
    assert.equal(new pkg.OAuthError('told') instanceof z.ZodError, false);
    assert.equal(GuestRequestSchema.safeParse(bad).error instanceof pkg.GuestValidationError, false);
  });
});
