// All gates that need no running code: format, lints, types of the sources. `--fix` mends what can be mended.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { checkBinding } from './binding.mjs';
import { bin, installDependencies, root, step } from './run.mjs';
import { checkTroubleshooting } from './troubleshooting.mjs';

const fix = process.argv.includes('--fix');
const MOST_LINES = 400;

installDependencies();
step('rustfmt', 'cargo', ['fmt', '--all', ...(fix ? [] : ['--check'])]);
step('clippy', 'cargo', ['clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings']);
step('clippy, core alone', 'cargo', [
  'clippy',
  '--all-targets',
  '--no-default-features',
  '--locked',
  '--',
  '-D',
  'warnings',
]);
step('rustdoc', 'cargo', ['doc', '--workspace', '--no-deps', '--document-private-items', '--locked'], {
  RUSTDOCFLAGS: '-D warnings',
});
// Packages of their own, which are built when they are run: their lock files must follow the package's dependencies.
for (const manifest of ['bench/floor/Cargo.toml', 'bench/experiments/scale/Cargo.toml']) {
  step(manifest, 'cargo', ['fmt', '--manifest-path', manifest, ...(fix ? [] : ['--check'])]);
  step(`${manifest}, lock file`, 'cargo', ['tree', '--locked', '--quiet', '--depth', '0', '--manifest-path', manifest]);
}
console.log('\n── lib/binding.d.ts');
if (!checkBinding({ fix })) {
  console.error('lib/binding.d.ts is not what src/addon exports; `npm run check -- --fix` writes it anew');
  process.exit(1);
}
console.log('\n── docs/troubleshooting.md');
if (!checkTroubleshooting({ fix })) {
  console.error('docs/troubleshooting.md is not what src/hint.rs says; `npm run check -- --fix` writes it anew');
  process.exit(1);
}
step('tsc', bin('tsc'), ['--project', 'tsconfig.json']);
step('biome', bin('biome'), ['check', ...(fix ? ['--write'] : []), '.']);
step('imports', process.execPath, ['scripts/imports.mjs']);

const sources = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.rs', '*.js', '*.mjs', '*.ts', '*.mts'],
  { cwd: root, encoding: 'utf8' },
);
const long = sources.split('\n').filter((file) => file && lines(file) > MOST_LINES);
if (long.length > 0) {
  console.error(`over ${MOST_LINES} lines: ${long.join(', ')}`);
  process.exit(1);
}

function lines(file) {
  try {
    return readFileSync(`${root}/${file}`, 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}
