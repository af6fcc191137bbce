// Compiles the cases beside this file with `tsc --noEmit`, in every way in which a consumer may resolve the package.
// Run: node --test __test__/types/types.test.mjs

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const dist = join(here, 'dist');
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/** Runs tsc in `folder`; resolves to its diagnostics, empty when it was content. */
function compile(folder, ...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, '--pretty', 'false', ...args], { cwd: folder }, (failed, stdout, stderr) => {
      resolve(failed ? stdout + stderr || String(failed) : '');
    });
  });
}

async function compiles(folder, ...args) {
  assert.equal(await compile(folder, ...args), '');
}

const resolutions = {
  'require, node16': ['-p', 'tsconfig.json'],
  'import, nodenext': ['-p', 'dist/tsconfig.esm.json'],
  bundler: ['-p', 'tsconfig.json', '--module', 'preserve', '--moduleResolution', 'bundler'],
};

describe('types of the package', { concurrency: 2 }, () => {
  before(async () => {
    // An .mts file is an ES module wherever it lies, so a copy of each case shows what `import` resolves to.
    await rm(dist, { recursive: true, force: true });
    await mkdir(dist);
    for (const name of await readdir(join(here, 'cases'))) {
      await cp(join(here, 'cases', name), join(dist, name.replace(/\.ts$/, '.mts')));
    }
    const esm = {
      extends: '../tsconfig.json',
      compilerOptions: { module: 'nodenext', moduleResolution: 'nodenext' },
      include: ['*.mts'],
    };
    await writeFile(join(dist, 'tsconfig.esm.json'), JSON.stringify(esm));
  });

  for (const [name, args] of Object.entries(resolutions)) {
    for (const exact of ['false', 'true']) {
      test(`${name}, exactOptionalPropertyTypes ${exact}`, () =>
        compiles(here, ...args, '--exactOptionalPropertyTypes', exact));
    }
  }

  test('require and import give the same types', () => compiles(here, '-p', 'tsconfig.identity.json'));

  test('the drop-in case compiles against the tutorial too', () => compiles(here, '-p', 'tsconfig.tutorial.json'));

  test('a mistake is found', async () => {
    // Guards against a set-up in which the package resolves to `any` and everything passes.
    await writeFile(join(dist, 'wrong.ts'), "import { NoSuchName } from 'genesys-guest-auth';\nNoSuchName;\n");
    const config = { extends: '../tsconfig.json', include: ['wrong.ts'] };
    await writeFile(join(dist, 'tsconfig.wrong.json'), JSON.stringify(config));
    assert.match(await compile(here, '-p', 'dist/tsconfig.wrong.json'), /TS2305.*NoSuchName/);
  });
});

describe('types without the SDK, zod and @types/node', () => {
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guest-types-'));
    const installed = join(folder, 'node_modules', 'genesys-guest-auth');
    await mkdir(installed, { recursive: true });
    for (const name of ['package.json', 'index.d.ts', 'index.d.mts', 'lib/types']) {
      await cp(join(root, name), join(installed, name), { recursive: true });
    }
    await cp(join(here, 'bare', 'without-sdk.ts'), join(folder, 'without-sdk.ts'));
    await cp(join(here, 'bare', 'without-sdk.ts'), join(folder, 'without-sdk-esm.mts'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const lib of ['es2022', 'esnext', 'es2022,dom']) {
    test(`lib ${lib}`, async () => {
      const files = ['without-sdk.ts', 'without-sdk-esm.mts'];
      const flags = '--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --types';
      await compiles(
        folder,
        ...files,
        ...flags.split(' '),
        '',
        '--module',
        'nodenext',
        '--target',
        'es2022',
        '--lib',
        lib,
      );
    });
  }
});
