// Which file takes names from which other one: in a crate, and in a folder of JavaScript.

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';

const IS_TEST = /(^|[/_])tests\.rs$/;

/**
 * The imports of a crate, `{ from, to, names }` with paths below `folder`. A name that a module hands on (`pub use`) counts
 * as taken from the file that defines it. Test files and test modules are left out: they may know everything.
 */
export function rustImports(folder) {
  const modules = new Map();
  for (const file of filesOf(folder).filter((file) => file.endsWith('.rs') && !IS_TEST.test(file))) {
    const path = file
      .replace(/(^|\/)(mod|lib)\.rs$|\.rs$/, '')
      .split('/')
      .filter(Boolean);
    modules.set(path.join('::'), { file, path, ...parse(bare(readFileSync(join(folder, file), 'utf8'))) });
  }
  return [...modules.values()].flatMap((module) => importsOf(module, modules));
}

const filesOf = (folder) => readdirSync(folder, { recursive: true }).map((file) => file.split(sep).join('/'));

/** A comment, a text, a character. */
const NO_CODE =
  /\/\/.*|\/\*[\s\S]*?\*\/|\br(#*)"[\s\S]*?"\1|\bb?"(?:\\[\s\S]|[^"\\])*"|"(?:\\[\s\S]|[^"\\])*"|'(?:\\.[^']*|[^'\\])'/g;

/** The code without comments, texts and test modules. */
function bare(source) {
  let rest = source.replace(NO_CODE, '');
  for (;;) {
    const test = /#\[cfg\(test\)\]\s*(pub(\([^)]*\))?\s+)?mod\s+\w+\s*(;|\{)/.exec(rest);
    if (!test) return rest;
    let end = test.index + test[0].length;
    for (let depth = test[0].endsWith('{') ? 1 : 0; depth > 0 && end < rest.length; end += 1) {
      if (rest[end] === '{') depth += 1;
      if (rest[end] === '}') depth -= 1;
    }
    rest = rest.slice(0, test.index) + rest.slice(end);
  }
}

/** `uses` as `{ path, as, handsOn }`, `children` as names of modules, and `body` without both. */
function parse(code) {
  const uses = [];
  const children = [];
  const body = code
    .replace(/(\bpub(?:\([^)]*\))?\s+)?\buse\s+([^;]+);/g, (_, handsOn, tree) => {
      uses.push(...expand(tree.replace(/\s+/g, ' ').trim(), []).map((use) => ({ ...use, handsOn: Boolean(handsOn) })));
      return '';
    })
    .replace(/\bmod\s+(\w+)\s*;/g, (_, name) => {
      children.push(name);
      return '';
    });
  return { uses, children, body };
}

/** The single paths of a tree such as `a::{b, c::{self, d as e}}`. */
function expand(tree, before) {
  const open = tree.indexOf('{');
  if (open >= 0) {
    const prefix = [...before, ...segments(tree.slice(0, open))];
    return split(tree.slice(open + 1, tree.lastIndexOf('}'))).flatMap((part) => expand(part, prefix));
  }
  const [path, alias] = tree.split(' as ').map((part) => part.trim());
  const whole = [...before, ...segments(path)];
  if (before.length > 0 && whole.at(-1) === 'self') whole.pop();
  return [{ path: whole, as: alias ?? whole.at(-1) }];
}

const segments = (path) =>
  path
    .split('::')
    .map((part) => part.trim())
    .filter(Boolean);

/** The parts between the commas that stand in no braces. */
function split(list) {
  const parts = [''];
  let depth = 0;
  for (const sign of list) {
    if (sign === '{') depth += 1;
    if (sign === '}') depth -= 1;
    if (sign === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += sign;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

function importsOf(module, modules) {
  const found = new Map();
  const add = (target) => {
    if (!target || target.file === module.file) return;
    found.set(target.file, (found.get(target.file) ?? new Set()).add(target.name));
  };
  // What stands for a module in this file: its children, and modules that it imports.
  const known = new Map(module.children.map((name) => [name, [...module.path, name]]));
  for (const { path, as, handsOn } of module.uses) {
    const whole = absolute(path, module, known);
    const isOwn = whole && module.path.every((part, index) => whole[index] === part);
    if (!whole || (handsOn && isOwn)) continue;
    if (modules.has(whole.join('::'))) known.set(as, whole);
    else add(resolve(whole, modules));
  }
  for (const [path] of module.body.matchAll(/(?<![\w:])[a-z_]\w*(?:\s*::\s*\w+)+/g)) {
    const whole = absolute(segments(path), module, known);
    if (whole && !modules.has(whole.join('::'))) add(resolve(whole, modules));
  }
  return [...found].map(([to, names]) => ({ from: module.file, to, names: [...names] }));
}

/** A path from the root of the crate; nothing for one of another crate. */
function absolute([first, ...rest], { path }, known) {
  if (first === 'crate') return rest;
  if (first === 'self') return [...path, ...rest];
  if (known.has(first)) return [...known.get(first), ...rest];
  if (first !== 'super') return undefined;
  const up = rest.findIndex((part) => part !== 'super');
  const levels = 1 + (up < 0 ? rest.length : up);
  return [...path.slice(0, path.length - levels), ...rest.slice(levels - 1)];
}

/** The file that defines the name at the end of a path. */
function resolve(path, modules, seen = new Set()) {
  let depth = path.length - 1;
  while (depth > 0 && !modules.has(path.slice(0, depth).join('::'))) depth -= 1;
  const owner = modules.get(path.slice(0, depth).join('::'));
  const [name, ...rest] = path.slice(depth);
  const key = path.join('::');
  if (!owner || seen.has(key)) return undefined;
  seen.add(key);
  const known = new Map(owner.children.map((child) => [child, [...owner.path, child]]));
  const handed = owner.uses.find(({ as, handsOn }) => handsOn && as === name);
  const onward = handed && absolute(handed.path, owner, known);
  return (onward && resolve([...onward, ...rest], modules, seen)) ?? { file: owner.file, name };
}

/** The imports of JavaScript files in a folder, as above. */
export function scriptImports(folder) {
  const scripts = new Set(filesOf(folder).filter((file) => /\.m?js$/.test(file)));
  return [...scripts].flatMap((from) => {
    const code = readFileSync(join(folder, from), 'utf8');
    const named = [...code.matchAll(/(?:\brequire\(|\bimport\(|\bfrom |\bimport )'(\.{1,2}\/[^']+)'/g)];
    const targets = named.map(([, name]) => posix.join(posix.dirname(from), name));
    const found = targets.map((path) => [path, `${path}.js`, `${path}/index.js`].find((file) => scripts.has(file)));
    return [...new Set(found.filter(Boolean))].map((to) => ({ from, to, names: [] }));
  });
}
