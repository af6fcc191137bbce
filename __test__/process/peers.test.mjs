// Libraries that start threads: Vitest gives each test file a worker of its own, and piscina ends idle workers.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { run, start } from '../helpers/children.mjs';
import { root } from '../helpers/setup.mjs';

const require = createRequire(import.meta.url);

async function sandboxConfig(t) {
  const sandbox = await startSandbox();
  t.after(() => sandbox.close());
  return sandbox.config();
}

/** A project of a user of this package, as npm would have installed it, but that the binaries are not copied. */
function project(t, files) {
  mkdirSync(join(root, '.tmp'), { recursive: true });
  const folder = mkdtempSync(join(root, '.tmp', 'project-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ['package.json', 'index.js', 'index.mjs', 'lib']) {
    cpSync(join(root, part), join(folder, 'node_modules', 'genesys-guest-auth', part), { recursive: true });
  }
  symlinkSync(join(root, 'native'), join(folder, 'node_modules', 'genesys-guest-auth', 'native'), 'junction');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const SPEC = `
  import { OAuthManager } from 'genesys-guest-auth';
  import { expect, test } from 'vitest';
  test('a token', async () => {
    expect(await new OAuthManager(JSON.parse(process.env.CONFIG)).getAccessToken()).toBeTypeOf('string');
  });
`;
const SPECS = 6;

for (const pool of ['threads', 'vmThreads']) {
  test(`Vitest runs many test files with pool: '${pool}'`, async (t) => {
    const config = await sandboxConfig(t);
    const specs = Array.from({ length: SPECS }, (_, number) => [`${number}.test.mjs`, SPEC]);
    const folder = project(t, Object.fromEntries(specs));
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const { code, signal, stdout, stderr } = await start(
      process.execPath,
      [vitest, 'run', '--root', folder, '--pool', pool, '--reporter', 'json'],
      { env: { CONFIG: JSON.stringify(config) } },
    );
    assert.deepEqual([code, signal, stderr], [0, null, '']);
    assert.equal(JSON.parse(stdout).numPassedTests, SPECS);
  });
}

test('piscina runs calls in threads that it ends when they are idle', async (t) => {
  const { code, signal, stdout, stderr } = await run(
    `
      const { Piscina } = require(process.env.PISCINA);
      (async () => {
        const filename = process.env.TASK;
        for (let round = 0; round < 5; round++) {
          const pool = new Piscina({ filename, minThreads: 0, maxThreads: 2, idleTimeout: 0 });
          for (let turn = 0; turn < 3; turn++) {
            const tokens = await Promise.all(Array.from({ length: 4 }, () => pool.run()));
            console.log(tokens.filter((token) => typeof token === 'string').length);
          }
          await pool.destroy();
        }
        // Last of all, main itself.
        console.log(typeof (await require(process.env.TASK)()));
      })();
    `,
    {
      // Main must not be the first to load the package.
      prelude: '',
      config: await sandboxConfig(t),
      env: { PISCINA: require.resolve('piscina'), TASK: join(root, '__test__', 'process', 'piscina-task.cjs') },
    },
  );
  assert.deepEqual([code, signal, stderr], [0, null, '']);
  assert.deepEqual(stdout.trim().split('\n'), [...Array(15).fill('4'), 'string']);
});
