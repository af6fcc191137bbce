// Other runtimes than the one at hand, each installed from npm into a folder that is kept between runs.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { start } from '../helpers/children.mjs';
import { root } from '../helpers/setup.mjs';

const cache = join(root, '.tmp', 'runtimes');
const isWindows = process.platform === 'win32';

/** A version of Node: what npm installs, where the program is in it, and how it is started. */
export function node(version) {
  return { install: `node@${version}`, program: ['node', 'bin', isWindows ? 'node.exe' : 'node'], args: [] };
}

/** The program of a runtime. One that cannot be installed skips the test, loudly, and is undefined. */
export async function installed(t, name, runtime) {
  try {
    return await program(name, runtime);
  } catch (error) {
    process.stderr.write(`\n!!! NOT TESTED in ${name}: ${error.message}\n\n`);
    t.skip(error.message);
    return undefined;
  }
}

async function program(name, { install, program: path }) {
  const folder = join(cache, name);
  const file = join(folder, 'node_modules', ...path);
  const works = async () => existsSync(file) && (await start(file, ['--version']).catch(() => ({}))).code === 0;
  if (await works()) return file;
  mkdirSync(folder, { recursive: true });
  const flags = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts=false'];
  const npm = await start('npm', ['install', '--prefix', folder, ...flags, install], {
    shell: isWindows,
    limitMs: 120_000,
  });
  if (await works()) return file;
  throw new Error(
    `${install} cannot be installed: ${npm.stderr.trim().split('\n').at(-1) || `npm ended with ${npm.code}`}`,
  );
}
