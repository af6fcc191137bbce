import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fixtures, program, run, startRealm } from './setup.mjs';

let realm;
before(async () => {
  realm = await startRealm('vitest');
});
after(() => realm.sandbox.close());

for (const pool of ['threads', 'forks', 'vmThreads', 'vmForks']) {
  test(`Vitest's pool ${pool} has errors of the package's classes`, async () => {
    const flags = ['run', '--root', fixtures, '--pool', pool, '--globals', '--config', 'vitest.config.mjs'];
    const { code, output } = await run(program('vitest'), flags, realm.env);
    assert.equal(code, 0, output);
    assert.match(output, /4 passed/);
  });
}
