// Everything that must hold before a commit. With arguments, only the JavaScript tests of these files.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installDependencies, root, step } from './run.mjs';

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
step('JavaScript tests', process.execPath, ['--test', '--test-concurrency=1', ...(only.length > 0 ? only : tests)]);
