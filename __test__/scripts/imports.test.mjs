// What the check of imports reads in a crate, and what it finds wrong.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { rustImports, scriptImports } from '../../scripts/imports/read.mjs';
import { complaints } from '../../scripts/imports/rules.mjs';

/** A folder with these files, as `read` sees it: `from -> to: names`. */
function importsIn(t, read, files) {
  const folder = mkdtempSync(join(tmpdir(), 'imports-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  return read(folder);
}

const lines = (imports) => imports.map(({ from, to, names }) => `${from} -> ${to}: ${names}`).sort();

describe('imports are read', () => {
  test('from trees of paths, through what a module hands on, down to the file that defines a name', (t) => {
    const found = importsIn(t, rustImports, {
      'lib.rs': 'mod a;\nmod b;\npub use b::Deep;',
      'a.rs': 'use crate::b::{self, Deep, other::{Other as Renamed, more}};\nfn f() { b::here(); more() }',
      'b/mod.rs': 'mod deep;\nmod other;\npub use deep::Deep;\npub(crate) fn here() { other::more() }',
      'b/deep.rs': 'use std::fmt;\npub struct Deep(super::other::Other);',
      'b/other.rs': 'pub struct Other;\npub fn more() {}',
    });
    assert.deepEqual(lines(found), [
      'a.rs -> b/deep.rs: Deep',
      'a.rs -> b/mod.rs: here',
      'a.rs -> b/other.rs: Other,more',
      'b/deep.rs -> b/other.rs: Other',
      'b/mod.rs -> b/other.rs: more',
    ]);
  });

  test('not from comments, texts, test modules and test files', (t) => {
    const text = `
      // use crate::b::A;
      /* crate::b::B */
      const URL: &str = "https://crate::b::C"; const QUOTE: char = '"'; const RAW: &str = r#"crate::b::"D""#;
      fn life<'a>(text: &'a str) -> &'a str { text }
      #[cfg(test)]
      mod tests { use crate::b::E; fn g() { if true { crate::b::f() } } }
      fn h() { crate::b::seen() }`;
    const found = importsIn(t, rustImports, {
      'lib.rs': '',
      'a.rs': text,
      'a_tests.rs': 'use crate::b::G;',
      'b.rs': '',
    });
    assert.deepEqual(lines(found), ['a.rs -> b.rs: seen']);
  });

  test('from require and import', (t) => {
    const found = importsIn(t, scriptImports, {
      'a.js': "const b = require('./b');\nasync () => import('./c/index.js');\nrequire('node:fs');",
      'b.js': "module.exports = require('./c');",
      'c/index.js': '',
    });
    assert.deepEqual(lines(found), ['a.js -> b.js: ', 'a.js -> c/index.js: ', 'b.js -> c/index.js: ']);
  });
});

describe('the check finds', () => {
  const edge = (from, to) => ({ from, to, names: ['x'] });
  const round = [edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('c', 'd')];
  const floorOf = (file) => 'abcd'.indexOf(file);

  test('a circle, and none where there is none', () => {
    assert.deepEqual(complaints(round), ['circle:\n  a -> b: x\n  b -> c: x\n  c -> a: x']);
    assert.deepEqual(complaints(round.filter(({ from }) => from !== 'b')), []);
  });

  test('an import that runs upwards', () => {
    assert.deepEqual(complaints([edge('a', 'b'), edge('d', 'b')], { floorOf }), ['upwards: d -> b: x']);
  });

  test('what is known only as long as it is wrong', () => {
    assert.deepEqual(complaints(round, { floorOf, known: ['c -> a'] }), []);
    const stale = (known) => [`no longer wrong, take it from the list: ${known}`];
    assert.deepEqual(complaints(round.slice(0, 2), { floorOf, known: ['c -> a'] }), stale('c -> a'));
    assert.deepEqual(complaints([edge('a', 'b')], { floorOf, known: ['a -> b'] }), stale('a -> b'));
  });
});
