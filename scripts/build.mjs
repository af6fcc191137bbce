// Builds the native addon and the sandbox into `native/`, where `lib/native.js` and `lib/testing` look for them.
// `--dev` builds fast and runs slowly.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { platformName } = createRequire(import.meta.url)('../lib/platform.js');
const isDev = process.argv.includes('--dev');

const windows = process.platform === 'win32';
const library =
  { win32: 'genesys_guest_auth.dll', darwin: 'libgenesys_guest_auth.dylib' }[process.platform] ??
  'libgenesys_guest_auth.so';
const program = windows ? 'sandbox.exe' : 'sandbox';

/** Paths of this machine do not belong into a binary that is published, and they make it larger. */
function remapped() {
  const home = process.env.CARGO_HOME ?? join(process.env.HOME ?? process.env.USERPROFILE ?? '', '.cargo');
  const registry = join(home, 'registry', 'src');
  const sources = existsSync(registry) ? readdirSync(registry).map((index) => join(registry, index)) : [];
  const flags = [`${root}=.`, ...sources.map((folder) => `${folder}=deps`)];
  return [process.env.RUSTFLAGS, ...flags.map((flag) => `--remap-path-prefix=${flag}`)].filter(Boolean).join(' ');
}

function forRelease() {
  // The allocator would otherwise touch megabytes that a service with few guests never uses.
  const CFLAGS = [process.env.CFLAGS, '-DMI_DEFAULT_ARENA_EAGER_COMMIT=0'].filter(Boolean).join(' ');
  return { ...process.env, CFLAGS, RUSTFLAGS: remapped() };
}

function cargo(args, env = process.env) {
  const { status, error } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit', env });
  if (error?.code === 'ENOENT') {
    console.error('Building needs Rust: install it from https://rustup.rs, then try again.');
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/** Replaced in one step: a running process keeps the file that it has loaded. */
function install(from, name) {
  const target = join(root, 'native', name);
  copyFileSync(from, `${target}.new`);
  renameSync(`${target}.new`, target);
}

if (isDev) {
  cargo(['build', '--workspace', '--locked']);
} else {
  cargo(['fetch', '--locked', '--quiet']);
  const env = forRelease();
  // Built as a library for Rust as well, the addon would keep what only another crate could call: a tenth of its size.
  cargo(['rustc', '--lib', '--crate-type', 'cdylib', '--profile', 'addon', '--locked'], env);
  cargo(['build', '--package', 'sandbox', '--release', '--locked'], env);
}
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
mkdirSync(join(root, 'native'), { recursive: true });
install(join(target, isDev ? 'debug' : 'addon', library), `genesys-guest-auth.${platformName()}.node`);
install(
  join(target, isDev ? 'debug' : 'release', program),
  `sandbox-${process.platform}-${process.arch}${windows ? '.exe' : ''}`,
);
