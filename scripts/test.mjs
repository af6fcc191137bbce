// Everything that must hold before a commit. With arguments, only the JavaScript tests of these files and folders.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { installDependencies, root, step } from './run.mjs';

/** What runs with Valkey too: each way to reach a server, and each way to lose it. */
const WITH_VALKEY = ['__test__/redis/topologies.test.mjs', '__test__/redis/faults.test.mjs'];

const only = process.argv.slice(2);

installDependencies();
step('build', process.execPath, ['scripts/build.mjs']);
if (only.length === 0) {
  step('checks', process.execPath, ['scripts/check.mjs']);
  step('Rust tests, core alone', 'cargo', ['test', '--no-default-features', '--locked']);
  step('Rust tests, sandbox', 'cargo', ['test', '-p', 'sandbox', '--locked']);
}
// One file at a time: several of them measure the process or start servers of their own.
const inTurn = ['--test', '--test-concurrency=1'];
step('JavaScript tests', process.execPath, [...inTurn, ...(only.length > 0 ? only : ['__test__']).flatMap(testsIn)]);
if (only.length === 0) {
  if (spawnSync('valkey-server', ['--version']).status === 0) {
    step('JavaScript tests, Valkey', process.execPath, [...inTurn, ...WITH_VALKEY], { TEST_REDIS: 'valkey' });
  } else {
    console.error('\nSKIPPED: valkey-server is not installed, shared sessions are not tested with it');
  }
}

/** The test files of a folder and its subfolders; a file as it is. */
function testsIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const files = readdirSync(join(root, path), { recursive: true }).filter((file) => file.endsWith('.test.mjs'));
  return files.sort().map((file) => join(path, file));
}
