// Each block of JavaScript and TypeScript in README.md and docs/ passes strict TypeScript, runs, and prints what its comments say.
// Run: node --test __test__/docs/blocks.test.mjs

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { start } from '../helpers/children.mjs';
import { needsSurroundings, surroundings } from '../helpers/fronts/surroundings.mjs';
import { folderFor } from '../helpers/places.mjs';
import { needsRedis } from '../helpers/redis/processes.mjs';
import { startServer } from '../helpers/redis/server.mjs';
import { root } from '../helpers/setup.mjs';
import { PAGES, readPage } from './pages.mjs';

const here = join(root, '__test__', 'docs');
const dist = join(here, 'dist');

const blocks = PAGES.flatMap((page) =>
  readPage(page)
    .blocks.filter(({ language }) => ['js', 'ts'].includes(language))
    .map((block) => ({ page, ...block, name: `${page.replace(/\W/g, '-')}-${block.line}` })),
);

/** Options of the compiler as a careful project has them. */
const STRICT = {
  target: 'es2022',
  lib: ['es2022', 'esnext.disposable'],
  module: 'nodenext',
  moduleResolution: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  types: ['node'],
  skipLibCheck: true,
};

before(() => {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);
  // Lines keep their numbers, so that the compiler's messages name those of the page.
  for (const { name, line, text } of blocks) writeFileSync(join(dist, `${name}.mts`), '\n'.repeat(line - 1) + text);
  const settings = { compilerOptions: STRICT, include: ['*.mts', '../globals.d.ts'] };
  writeFileSync(join(dist, 'tsconfig.json'), JSON.stringify(settings));
});

/** What a block says that it prints: the comments behind `console.log(…)`. */
const promised = (text) => [...text.matchAll(/console\.log\(.*\).* \/\/ (.+)$/gm)].map(([, output]) => output);

test('every page has a block that runs', () => {
  const without = PAGES.filter((path) => !blocks.some(({ page }) => page === path));
  assert.deepEqual(without, []);
});

test('blocks pass strict TypeScript', async () => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = await start(process.execPath, [tsc, '--project', dist, '--pretty', 'false'], { cwd: dist });
  assert.equal(stdout, '');
});

describe('blocks run', { concurrency: 2 }, () => {
  for (const { page, line, name, text } of blocks) {
    const options = text.includes('REDIS_URL') ? needsRedis : {};
    test(`${page}:${line}`, options, async (t) => {
      const env = { TMPDIR: folderFor(t, 'docs') };
      if (page === 'docs/web-messaging.md') env.WEB_MESSAGING = '1';
      if (text.includes('REDIS_URL')) env.REDIS_URL = (await startServer(t)).url;
      // Where it can be had: no other machine can be reached.
      const around = needsSurroundings.skip ? { env: {}, seen: () => [] } : surroundings(t);
      const args = ['--no-deprecation', '--import', join(here, 'globals.mjs'), join(dist, `${name}.mjs`)];
      const { code, stdout, stderr, hung } = await start(process.execPath, args, { env: { ...env, ...around.env } });
      assert.deepEqual({ code, stderr, hung }, { code: 0, stderr: '', hung: false });
      const said = promised(text);
      const isSaid = (printed) => said.includes(printed);
      assert.deepEqual(stdout.split('\n').filter(isSaid), said);
      assert.deepEqual(around.seen(), [], 'it wanted to reach another machine');
    });
  }
});
