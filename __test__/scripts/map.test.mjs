// The map in CONTRIBUTING.md: each file is there, and has the functions that the map names.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');

const ROW = /^\| `([\w./-]+\.(?:rs|js))` \| (`\w+`(?:, `\w+`)*) \|/gm;

test('the map names files and functions that are there', () => {
  const rows = [...read('CONTRIBUTING.md').matchAll(ROW)];
  assert.ok(rows.length > 10, `${rows.length} rows`);
  const missing = rows.flatMap(([, path, names]) => {
    const source = read(path);
    const functions = names.replaceAll('`', '').split(', ');
    return functions.filter((name) => !defines(source, name)).map((name) => `${path}: ${name}`);
  });
  assert.deepEqual(missing, []);
});

function defines(source, name) {
  return new RegExp(`\\bfn ${name}\\b|\\bfunction ${name}\\(|^ +(?:async )?${name}\\(.*\\{$`, 'm').test(source);
}
