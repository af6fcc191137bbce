// The same binary in every runtime that it is made for: Node from the oldest to the newest, Bun and Deno.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSandbox } from 'genesys-guest-auth/testing';
import { start } from '../helpers/children.mjs';
import { installed, node } from './runtimes.mjs';

const scenario = fileURLToPath(new URL('scenario.mjs', import.meta.url));

/** By name: what npm installs, where the program is in it, and how it is started. */
const runtimes = {
  ...Object.fromEntries(['18', '20', '22', '24', 'latest'].map((version) => [`node-${version}`, node(version)])),
  bun: { install: 'bun', program: ['bun', 'bin', 'bun.exe'], args: ['run'] },
  deno: {
    install: 'deno',
    program: ['deno', process.platform === 'win32' ? 'deno.exe' : 'deno'],
    args: ['run', '-A', '--quiet'],
  },
};

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());

describe('the package works in', () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    test(name, async (t) => {
      const file = await installed(t, name, runtime);
      if (file === undefined) return;
      await sandbox.reset();
      // What the scenario gives up takes longer than it is given.
      await sandbox.fault({ route: 'create', match: { bodyIncludes: '"aborted"' }, delayMs: 300 });
      await sandbox.fault({ route: 'refresh', match: { bodyIncludes: 'slow' }, delayMs: 300 });
      const email = `jane@${name}.example`;
      await sandbox.profiles({ [email]: { customerId: 'c', tier: name } });
      const config = sandbox.config({ runtime: name });
      const { code, signal, stdout, stderr, hung } = await start(file, [
        ...runtime.args,
        scenario,
        JSON.stringify(config),
      ]);
      assert.deepEqual({ code, signal, stderr, hung }, { code: 0, signal: null, stderr: '', hung: false });
      assert.deepEqual(stdout.trim().split('\n').map(JSON.parse), [
        { step: 'loaded', same: true },
        { step: 'authenticated', email, tier: name, unknown: true },
        { step: 'many', guests: 100 },
        {
          step: 'failed',
          duplicate: ['DuplicateSessionError', 'DUPLICATE_SESSION', true],
          invalid: ['ZodError', 3, true],
          typeError: true,
          config: 'CONFIG_INVALID: clientSecret must be a string',
        },
        { step: 'aborted', reason: 'why', timedOut: 'TimeoutError' },
        { step: 'parts', refreshed: true },
        {
          step: 'closed',
          code: 'CLOSED',
          pending: 0,
          events: {
            'guest.authentication': 101,
            'guest.authentication.failed': 5,
            'guest.session.invalidated': 1,
          },
        },
        { step: 'last' },
      ]);
      const [created] = await sandbox.log({ route: 'create' });
      assert.ok(created.body.endsWith('"attributes":{"half":"\\ud800","at":"1970-01-01T00:00:00.000Z","own":"own"}}'));
      const { routes } = await sandbox.counts();
      assert.equal(routes.webhook.total, 102);
    });
  }
});
