// Everything that must hold before a commit. With arguments, only the JavaScript tests of these files.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installDependencies, root, step } from './run.mjs';

/** What runs with Valkey too: each way to reach a server, and each way to lose it. */
const WITH_VALKEY = ['redis.topologies.test.mjs', 'redis.faults.test.mjs'];

const only = process.argv.slice(2);
const tests = readdirSync(join(root, '__test__'))
  .filter((file) => file.endsWith('.test.mjs'))
  .map((file) => join('__test__', file));
tests.push(join('__test__', 'types', 'types.test.mjs'));

installDependencies();
step('build', process.execPath, ['scripts/build.mjs']);
if (only.length === 0) {
  step('checks', process.execPath, ['scripts/check.mjs']);
  step('Rust tests, core alone', 'cargo', ['test', '--no-default-features', '--locked']);
  step('Rust tests, sandbox', 'cargo', ['test', '-p', 'sandbox', '--locked']);
}
// One file at a time: several of them measure the process or start servers of their own.
const inTurn = ['--test', '--test-concurrency=1'];
step('JavaScript tests', process.execPath, [...inTurn, ...(only.length > 0 ? only : tests)]);
if (only.length === 0) {
  if (spawnSync('valkey-server', ['--version']).status === 0) {
    const files = WITH_VALKEY.map((file) => join('__test__', file));
    step('JavaScript tests, Valkey', process.execPath, [...inTurn, ...files], { TEST_REDIS: 'valkey' });
  } else {
    console.error('\nSKIPPED: valkey-server is not installed, shared sessions are not tested with it');
  }
}
