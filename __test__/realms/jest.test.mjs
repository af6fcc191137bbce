import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fixtures, program, run, startRealm } from './setup.mjs';

let realm;
before(async () => {
  realm = await startRealm('jest');
});
after(() => realm.sandbox.close());

const jest = (environment, ...flags) => {
  const config = { rootDir: fixtures, testMatch: ['**/*.jest.js'], testEnvironment: environment, transform: {} };
  return run(program('jest'), ['--config', JSON.stringify(config), '--runInBand', ...flags], realm.env);
};

for (const environment of ['node', 'jsdom']) {
  test(`Jest's environment ${environment} has errors of the package's classes, and timers that it replaces`, async () => {
    const { code, output } = await jest(environment);
    assert.equal(code, 0, output);
    assert.match(output, /4 passed/);
  });
}

test('Jest finds no open handle', async () => {
  const { code, output } = await jest('node', '--detectOpenHandles');
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /open handle/, output);
});
