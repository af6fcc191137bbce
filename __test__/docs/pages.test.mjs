// Links of README.md and docs/: each leads to a file that is packed, and to a heading of it. What pages must list is complete.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { describe, test } from 'node:test';
import { figures, report } from '../../bench/report.mjs';
import { pkg, root } from '../helpers/setup.mjs';
import { anchorsOf, linksOf, PAGES, readPage } from './pages.mjs';

const { native } = createRequire(import.meta.url)('../../lib/native.js');
const read = (...path) => readFileSync(join(root, ...path), 'utf8');
const { files, scripts } = JSON.parse(read('package.json'));

const isPacked = (path) =>
  path === 'README.md' || files.some((entry) => (entry.endsWith('/') ? path.startsWith(entry) : path === entry));

/** What is wrong with a link of a page; `undefined` where it is right. */
function wrong(page, target) {
  if (/^https:/.test(target)) return undefined;
  const [path, anchor] = target.split('#');
  const file = path === '' ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(join(root, file))) return 'no such file';
  if (!isPacked(file)) return 'not packed';
  if (anchor !== undefined && !anchorsOf(readPage(file)).includes(anchor)) return 'no such heading';
}

describe('links', () => {
  for (const page of [...PAGES, 'CHANGELOG.md', 'SECURITY.md']) {
    test(page, () => {
      const broken = linksOf(readPage(page)).map((target) => [target, wrong(page, target)]);
      assert.deepEqual(
        broken.filter(([, what]) => what !== undefined),
        [],
      );
    });
  }

  test('lead from README.md to each page', () => {
    const found = linksOf(readPage('README.md')).map((target) => target.split('#')[0]);
    assert.deepEqual(
      PAGES.filter((page) => page !== 'README.md' && !found.includes(page)),
      [],
    );
  });
});

test('types name pages that there are', () => {
  const types = readdirSync(join(root, 'lib'), { recursive: true }).filter((name) => name.endsWith('.d.ts'));
  const named = types.flatMap((name) => read('lib', name).match(/docs\/[\w-]+\.md/g) ?? []);
  assert.ok(named.length > 0);
  assert.deepEqual(
    named.filter((page) => !PAGES.includes(page)),
    [],
  );
});

describe('README.md', () => {
  const text = read('README.md');

  test('has one screen', () => assert.ok(text.split('\n').length - 1 <= 150));

  test('shows commands that there are', () => {
    const commands = [...text.matchAll(/npm (?:run )?([a-z:]+)/g)].map(([, name]) => name);
    const npm = ['install', 'pack'];
    assert.deepEqual(
      commands.filter((name) => !(name in scripts) && !npm.includes(name)),
      [],
    );
    assert.deepEqual(
      ['npm run demo', 'npm test'].filter((command) => !text.includes(`${command}\n`)),
      [],
    );
  });

  test('shows the quick start of examples/', () => {
    const example = read('examples', 'quickstart.mjs').replace(/^(\/\/.*\n|\n)*/, '');
    assert.ok(readPage('README.md').blocks.some(({ text: block }) => block === example));
  });
});

test('docs/configuration.md has each option', () => {
  const text = read('docs', 'configuration.md');
  const { data, callbacks } = native.optionNames();
  assert.deepEqual(
    [...data, ...callbacks].filter((name) => !new RegExp(`\`${name}[\`.]`).test(text)),
    [],
  );
});

test('docs/errors.md has each class and its code', () => {
  const text = read('docs', 'errors.md');
  const classes = Object.entries(pkg).filter(([name]) => /Error$/.test(name) && name !== 'GuestAuthError');
  const codeOf = ([name, Class]) => (name === 'GuestValidationError' ? new Class([]) : new Class('')).code;
  assert.deepEqual(
    classes.filter((entry) => !text.includes(`| \`${entry[0]}\` | \`${codeOf(entry)}\` |`)),
    [],
  );
});

test('README.md and docs/benchmark.md have the figures of the recorded run', () => {
  const run = JSON.parse(read('bench', 'results', 'latest.json'));
  assert.ok(read('README.md').includes(`<!-- figures -->\n${figures(run)}<!-- /figures -->`));
  assert.ok(read('docs', 'benchmark.md').includes(`<!-- bench -->\n${report(run)}<!-- /bench -->`));
});
