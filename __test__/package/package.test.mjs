// The package as it is published: what is in the tarball, whether its types and entry points agree, and whether a
// project that installed it finds everything.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** `Symbol.asyncDispose`, which the oldest of the supported Nodes do not have. */
const DISPOSE = 'Symbol.asyncDispose';

/** Exports with a value, and the methods that index.d.ts promises of each class. */
const exported = {
  GuestAuthenticator: [
    'authenticateGuest',
    'invalidateSession',
    'getSessionKey',
    'rotateRefreshToken',
    'signOut',
    'getAccessToken',
    'getSdkClient',
    'warmUp',
    'flush',
    'metrics',
    'close',
    DISPOSE,
  ],
  OAuthManager: ['getAccessToken', 'close', DISPOSE],
  GuestTokenManager: ['createGuestSession', 'rotateRefreshToken', 'close', DISPOSE],
  GuestContextEnricher: ['enrichAndSync', 'close', DISPOSE],
  WebMessagingTokens: ['exchange', 'refresh', 'revoke', 'close', DISPOSE],
  DuplicateSessionGuard: ['getSessionKey', 'checkDuplicate', 'invalidate'],
  GuestValidationError: ['format', 'flatten', 'addIssue', 'addIssues'],
};
const errors = {
  GuestConfigError: 'CONFIG_INVALID',
  GuestValidationError: 'VALIDATION_FAILED',
  DuplicateSessionError: 'DUPLICATE_SESSION',
  SessionCapacityError: 'SESSION_CAPACITY',
  OAuthError: 'OAUTH_FAILED',
  GuestCreationError: 'GUEST_CREATION_FAILED',
  GuestForbiddenError: 'FORBIDDEN',
  GuestConflictError: 'CONFLICT',
  RateLimitedError: 'RATE_LIMITED',
  ChannelUnavailableError: 'CHANNEL_UNAVAILABLE',
  TokenSignatureError: 'SIGNATURE_INVALID',
  TokenRefreshError: 'REFRESH_FAILED',
  NetworkError: 'NETWORK',
  TimeoutError: 'TIMEOUT',
  StoreUnavailableError: 'STORE_UNAVAILABLE',
  ClosedError: 'CLOSED',
  SdkNotInstalledError: 'SDK_NOT_INSTALLED',
};
const names = [...new Set([...Object.keys(exported), ...Object.keys(errors), 'GuestAuthError', 'GuestRequestSchema'])];

let folder;
let tarball;
let files;

/** npm, without the configuration and the life cycle scripts of the surroundings. */
async function npm(cwd, ...args) {
  const env = { ...process.env, npm_config_ignore_scripts: 'true', npm_config_loglevel: 'error' };
  const shell = process.platform === 'win32';
  return (await run('npm', args, { cwd, env, shell, maxBuffer: 1 << 26 })).stdout;
}

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'guest-package-')));
  const [packed] = Object.values(JSON.parse(await npm(root, 'pack', '--json', '--pack-destination', folder)));
  tarball = join(folder, packed.filename);
  files = packed.files.map(({ path }) => path);
});
after(() => rm(folder, { recursive: true, force: true }));

describe('the tarball', () => {
  test('is what a dry run says', async () => {
    const [dry] = Object.values(JSON.parse(await npm(root, 'pack', '--dry-run', '--json', '--ignore-scripts')));
    assert.deepEqual(dry.files.map(({ path }) => path).sort(), [...files].sort());
  });

  test('holds what it needs', () => {
    const needed = [
      'package.json',
      'README.md',
      // The README and the types point to it.
      'docs/durability.md',
      'LICENSE-MIT',
      'LICENSE-APACHE',
      'index.js',
      'index.mjs',
      'index.d.ts',
    ];
    const types = ['audit', 'config', 'errors', 'guest', 'issues', 'schema', 'sdk'].map(
      (name) => `lib/types/${name}.d.ts`,
    );
    for (const path of [...needed, 'index.d.mts', 'lib/sdk.js', 'lib/errors.js', ...types]) {
      assert.ok(files.includes(path), `${path} is missing`);
    }
    assert.ok(
      files.some((path) => /^native\/.*\.node$/.test(path)),
      'no addon',
    );
  });

  test('holds nothing else', () => {
    const allowed =
      /^(package\.json|(README|CHANGELOG|SECURITY)\.md|LICENSE-(MIT|APACHE)|index\.(js|mjs|d\.ts|d\.mts)|docs\/[\w-]+\.(md|csv|svg)|(lib|native)\/.+)$/;
    assert.deepEqual(
      files.filter((path) => !allowed.test(path)),
      [],
    );
    const folders = /(^|\/)(__test__|tests?|bench|fixtures|src|target|node_modules|\.[^/]+)\//;
    const kinds = /\.(rs|toml|lock|map|tgz|pem|key|env)$|\.test\./;
    assert.deepEqual(
      files.filter((path) => folders.test(path) || kinds.test(path)),
      [],
    );
  });

  test('satisfies publint', async () => {
    const packed = await readFile(tarball);
    const bytes = packed.buffer.slice(packed.byteOffset, packed.byteOffset + packed.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true });
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      [],
    );
  });

  test('has the right types by every way of resolution', async () => {
    // The profile leaves out the resolution of Node 10, which knows no `exports`: no supported engine uses it.
    const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const args = [attw, tarball, '--format', 'json', '--profile', 'node16', '--no-definitely-typed'];
    const options = { cwd: folder, maxBuffer: 1 << 26 };
    const { stdout } = await run(process.execPath, args, options).catch((failed) => failed);
    const { analysis } = JSON.parse(stdout);
    assert.deepEqual(Object.keys(analysis.entrypoints), ['.', './testing', './package.json']);
    const node10 = ({ resolutionKind }) => resolutionKind === 'node10';
    assert.deepEqual(
      analysis.problems.filter((problem) => !node10(problem)),
      [],
    );
  });
});

describe('installed', () => {
  let project;
  before(async () => {
    project = join(folder, 'project');
    await mkdir(project);
    await writeFile(join(project, 'package.json'), '{ "private": true }');
    await npm(project, 'install', '--offline', '--no-audit', '--no-fund', tarball);
  });

  /** Runs a module in the project; resolves to what it logs, as JSON. */
  async function inProject(name, source) {
    const file = join(project, name);
    await writeFile(file, source);
    return JSON.parse((await run(process.execPath, [file], { cwd: project })).stdout);
  }

  test('brings no other package along', async () => {
    const lock = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'));
    assert.deepEqual(Object.keys(lock.packages), ['', 'node_modules/genesys-guest-auth']);
    assert.equal(lock.packages['node_modules/genesys-guest-auth'].hasInstallScript, undefined);
  });

  test('gives the exports that the types declare, by require and by import', async () => {
    const required = await inProject(
      'all.cjs',
      "console.log(JSON.stringify(Object.keys(require('genesys-guest-auth'))));",
    );
    const imported = await inProject(
      'all.mjs',
      "import * as all from 'genesys-guest-auth';\nconsole.log(JSON.stringify(Object.keys(all)));",
    );
    assert.deepEqual(required.sort(), [...names].sort());
    // A default export is allowed: bundlers and older code may ask for one.
    assert.deepEqual(imported.filter((name) => name !== 'default').sort(), [...names].sort());
  });

  test('gives the same classes by require and by import', async () => {
    const different = await inProject(
      'identity.mjs',
      `import { createRequire } from 'node:module';
       import * as imported from 'genesys-guest-auth';
       const required = createRequire(import.meta.url)('genesys-guest-auth');
       console.log(JSON.stringify(Object.keys(required).filter((name) => required[name] !== imported[name])));`,
    );
    assert.deepEqual(different, []);
  });

  test('has the methods that the types declare', async () => {
    const list = Object.entries(exported).flatMap(([name, methods]) => methods.map((method) => [name, method]));
    const missing = await inProject(
      'methods.cjs',
      `const all = require('genesys-guest-auth');
       const has = ({ prototype }, method) => {
         if (method !== '${DISPOSE}') return typeof prototype[method] === 'function';
         return !Symbol.asyncDispose || typeof prototype[Symbol.asyncDispose] === 'function';
       };
       const missing = ${JSON.stringify(list)}.filter(([name, method]) => !has(all[name], method));
       for (const name of ['parse', 'safeParse', 'parseAsync', 'safeParseAsync']) {
         if (typeof all.GuestRequestSchema[name] !== 'function') missing.push(['GuestRequestSchema', name]);
       }
       if (all.GuestRequestSchema['~standard']?.version !== 1) missing.push(['GuestRequestSchema', '~standard']);
       console.log(JSON.stringify(missing));`,
    );
    assert.deepEqual(missing, []);
  });

  test('has the error codes that the types declare', async () => {
    const codes = await inProject(
      'codes.cjs',
      `const all = require('genesys-guest-auth');
       const codes = ${JSON.stringify(Object.keys(errors))}.map((name) => {
         const error = name === 'GuestValidationError' ? new all[name]([]) : new all[name]('text', { status: 500 });
         return [name, error instanceof all.GuestAuthError && error.code];
       });
       console.log(JSON.stringify(codes));`,
    );
    assert.deepEqual(Object.fromEntries(codes), errors);
  });

  test('opens only its entry points', async () => {
    const outcomes = await inProject(
      'paths.cjs',
      `const outcome = (path) => {
         try { require.resolve(path); return 'found'; } catch (error) { return error.code; }
       };
       console.log(JSON.stringify(['', '/package.json', '/testing', '/lib/sdk.js', '/native/x.node']
         .map((path) => outcome('genesys-guest-auth' + path))));`,
    );
    const closed = 'ERR_PACKAGE_PATH_NOT_EXPORTED';
    assert.deepEqual(outcomes, ['found', 'found', 'found', closed, closed]);
  });
});
