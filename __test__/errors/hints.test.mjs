// Every row of the table of hints, played: what goes wrong, and the sentence that says what to do about it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { hints } from '../../scripts/troubleshooting.mjs';
import { makeAuthority, startSecureDouble } from '../helpers/certificates.mjs';
import { run, start } from '../helpers/children.mjs';
import { needs } from '../helpers/fronts/programs.mjs';
import { silence } from '../helpers/fronts/silence.mjs';
import { needsSurroundings, surroundings } from '../helpers/fronts/surroundings.mjs';
import { folderFor, freePort } from '../helpers/places.mjs';
import { startProxy } from '../helpers/proxy.mjs';
import { selfSigned } from '../helpers/self-signed.mjs';
import { configOf, guest, pkg, root, setup, startDouble } from '../helpers/setup.mjs';
import { MESSAGING } from './messaging-hints.mjs';

const LOGIN = 'environment or loginUrl';
const CREDENTIALS = { clientId: 'id', clientSecret: 'secret-canary', maxRetries: 0 };
const hostOf = (url) => new URL(url).host;

/** Why no access token is to be had. */
async function loginError(t, config) {
  const manager = new pkg.OAuthManager({ ...CREDENTIALS, ...config });
  t.after(() => manager.close());
  return manager.getAccessToken().then(assert.fail, (error) => error);
}

/** Why a guest is not to be had. */
const failureOf = (auth) => auth.authenticateGuest(guest()).then(assert.fail, (error) => error);

/** The same in a process with other surroundings, as plain data. */
const IN_A_CHILD = `
  new pkg.OAuthManager(config).getAccessToken().then(
    (token) => console.log(JSON.stringify({ token })),
    (error) => console.log(JSON.stringify({ ...error.toJSON(), cause: error.cause && { ...error.cause, message: error.cause.message } })),
  );
`;

async function loginErrorIn(env, config) {
  const { stdout } = await run(IN_A_CHILD, { config: { ...CREDENTIALS, ...config }, env });
  return JSON.parse(stdout);
}

/** The same, where a route of the server is always answered like this. */
async function guestError(t, route, answer) {
  const { double, auth } = await setup(t, { maxRetries: 0 });
  double.always(route, answer);
  return failureOf(auth);
}

/** The configuration for a double that is said to be a region. */
const inRegion = (double) => ({ environment: 'EU-west-1', loginUrl: double.url, apiUrl: double.url });

async function certificateError(t, own, ca) {
  const double = await startSecureDouble(t, own);
  const error = await loginError(t, { environment: double.url, ca });
  assert.equal(double.exchanges.length, 0);
  return { error, host: hostOf(double.url) };
}

async function refusedBy(t, refuse) {
  const proxy = await startProxy(t, { refuse });
  const url = proxy.url.replace('//', '//user:proxy-canary@');
  const error = await loginError(t, { environment: 'https://login.test:8443', proxy: url });
  return { error, proxy: hostOf(proxy.url), host: 'login.test:8443' };
}

function authority(t, hosts) {
  const made = makeAuthority(hosts);
  t.after(() => made.remove());
  return made;
}

const openssl = needs('openssl');
const bareRoot = { skip: openssl.skip || needs('unshare').skip || (await withoutAuthorities('true')).skip };

/** Runs a program where the system has no certificate authorities, if a user may hide them here. */
async function withoutAuthorities(program, args = [], options = {}) {
  const hide = 'for d in /etc/ssl /etc/pki; do [ ! -d "$d" ] || mount -t tmpfs none "$d"; done; exec "$0" "$@"';
  const { code, stdout } = await start('unshare', ['-rm', 'sh', '-c', hide, program, ...args], options);
  if (code !== 0) console.error('SKIPPED: no image without certificate authorities can be played here');
  return { stdout, skip: code !== 0 && 'unshare is not permitted' };
}

/** By row: the error, what it must be, and the facts in its sentence. */
const PLAYED = {
  async Unreachable(t) {
    const port = await freePort();
    await silence(t, '127.0.0.9', port);
    const silent = await loginError(t, { environment: `http://127.0.0.9:${port}`, timeouts: { connectMs: 300 } });
    assert.equal(silent.cause.code, 'ETIMEDOUT', silent.message);
    assert.ok(silent.hint.includes(`127.0.0.9:${port}`));
    const host = `127.0.0.1:${await freePort()}`;
    const error = await loginError(t, { environment: `http://${host}` });
    return { error, is: ['NETWORK', 'ECONNREFUSED'], facts: { host, option: LOGIN } };
  },
  UnknownHost: [
    needsSurroundings,
    async (t) => {
      const error = await loginErrorIn(surroundings(t).env, { environment: 'https://absent.test' });
      return { error, is: ['NETWORK', 'ENOTFOUND'], facts: { host: 'absent.test', option: LOGIN } };
    },
  ],
  async LoginRefused(t) {
    const double = await startDouble(t);
    const asked = `${hostOf(double.url)} (eu_west_1)`;
    const refusals = [
      { status: 401, body: 'no' },
      { status: 400, body: { error: 'invalid_client', description: 'client not found' } },
    ];
    let error;
    for (const refusal of refusals) {
      double.always('token', refusal);
      error = await loginError(t, inRegion(double));
      assert.ok(error.hint.includes(asked), error.hint);
    }
    double.always('token', { status: 400, body: { error: 'invalid_scope' } });
    assert.equal((await loginError(t, inRegion(double))).hint, undefined);
    return { error, is: ['OAUTH_FAILED'], facts: { asked } };
  },
  async ProxyUnreachable(t) {
    const proxy = `127.0.0.1:${await freePort()}`;
    const error = await loginError(t, { environment: 'acme', proxy: `http://user:proxy-canary@${proxy}` });
    return { error, is: ['NETWORK', 'ECONNREFUSED'], facts: { proxy } };
  },
  async ProxyRefused(t) {
    const { error, ...facts } = await refusedBy(t, '403 Forbidden');
    assert.equal(error.retryable, false);
    return { error, is: ['NETWORK'], facts: { ...facts, status: 403 } };
  },
  async ProxyFailed(t) {
    const { error, ...facts } = await refusedBy(t, '503 Service Unavailable');
    assert.equal(error.retryable, true);
    return { error, is: ['NETWORK'], facts: { ...facts, status: 503 } };
  },
  async ProxyLogin(t) {
    const { error, proxy } = await refusedBy(t, '407 Proxy Authentication Required');
    assert.equal(error.retryable, false);
    return { error, is: ['NETWORK'], facts: { proxy } };
  },
  UntrustedCertificate: [
    openssl,
    async (t) => {
      const own = await certificateError(t, selfSigned());
      assert.equal(own.error.cause.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      assert.ok(own.error.hint.includes(own.host));
      const { error, host } = await certificateError(t, authority(t));
      return { error, is: ['NETWORK', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'], facts: { host } };
    },
  ],
  MisnamedAuthorities: [
    openssl,
    async (t) => {
      const double = await startSecureDouble(t, authority(t));
      const path = join(folderFor(t, 'misnamed'), 'missing.pem');
      const error = await loginErrorIn({ SSL_CERT_FILE: path }, { environment: double.url });
      const facts = { variable: 'SSL_CERT_FILE', path, host: hostOf(double.url) };
      return { error, is: ['NETWORK', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'], facts };
    },
  ],
  NoAuthorities: [
    bareRoot,
    async (t) => {
      const path = join(folderFor(t, 'bare'), 'missing.pem');
      const config = JSON.stringify({ ...CREDENTIALS, environment: 'https://127.0.0.1:1' });
      const env = {
        PACKAGE_ROOT: root,
        CONFIG: config,
        SSL_CERT_FILE: path,
        SSL_CERT_DIR: '',
        NODE_EXTRA_CA_CERTS: '',
      };
      const script = `const pkg = require(process.env.PACKAGE_ROOT); const config = JSON.parse(process.env.CONFIG);${IN_A_CHILD}`;
      const { stdout } = await withoutAuthorities(process.execPath, ['--eval', script], { env });
      const error = JSON.parse(stdout);
      const [, places] = /looked for: (.*)\.$/.exec(error.hint);
      assert.deepEqual(places.split(', ').slice(0, 2), [
        `${path} (SSL_CERT_FILE)`,
        '/etc/ssl/certs/ca-certificates.crt',
      ]);
      return { error, is: ['CONFIG_INVALID'], facts: { looked_for: places } };
    },
  ],
  CertificateTime: [
    openssl,
    async (t) => {
      const early = selfSigned({ dates: ['20900101000000Z', '20910101000000Z'] });
      const tooEarly = await certificateError(t, early, early.cert);
      assert.equal(tooEarly.error.cause.code, 'CERT_NOT_YET_VALID');
      assert.match(tooEarly.error.hint, /not valid before 2090-01-01T00:00:00Z, and it is 20\d\d-[\d:TZ-]+ here\.$/);
      const old = selfSigned({ dates: ['20200101000000Z', '20210101000000Z'] });
      const { error, host } = await certificateError(t, old, old.cert);
      assert.match(
        error.cause.message,
        /^certificate expired at 2021-01-01T00:00:00Z, and it is 20\d\d-[\d:TZ-]+ here$/,
      );
      return { error, is: ['NETWORK', 'CERT_HAS_EXPIRED'], facts: { host, detail: error.cause.message } };
    },
  ],
  WrongName: [
    openssl,
    async (t) => {
      const own = authority(t, 'DNS:elsewhere.example,DNS:*.example.org,IP:127.9.9.9');
      const { error } = await certificateError(t, own, own.ca);
      const names = 'elsewhere.example, *.example.org, 127.9.9.9';
      const facts = { option: LOGIN, detail: `certificate not valid for 127.0.0.1, but for ${names}` };
      return { error, is: ['NETWORK', 'ERR_TLS_CERT_ALTNAME_INVALID'], facts };
    },
  ],
  Algorithms: [
    openssl,
    async (t) => {
      const own = selfSigned({ key: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1'] });
      const { error } = await certificateError(t, own, own.cert);
      return { error, is: ['NETWORK'], facts: {} };
    },
  ],
  async NotTls(t) {
    const double = await startDouble(t);
    const error = await loginError(t, { environment: double.url.replace('http:', 'https:') });
    return { error, is: ['NETWORK'], facts: { option: LOGIN } };
  },
  async Redirect(t) {
    const double = await startDouble(t);
    const redirected = (location) => {
      double.always('token', ({ body }) => {
        const secret = new URLSearchParams(body).get('client_secret');
        return { status: 302, headers: { Location: location.replace('SECRET', secret) } };
      });
      return loginError(t, { environment: double.url });
    };
    assert.match((await redirected('/elsewhere?SECRET')).hint, /^Another path of the same host is where/);
    assert.match((await redirected('https://SECRET.example/')).hint, /^https:\/\/\S+\.example is where/);
    assert.equal((await redirected('mailto:SECRET@example.com')).hint, undefined);
    const error = await redirected('https://user:SECRET@moved.example:444/path?SECRET');
    return { error, is: ['OAUTH_FAILED'], facts: { target: 'https://moved.example:444', option: LOGIN } };
  },
  async ContentCoding(t) {
    const double = await startDouble(t);
    const coded = (coding) => {
      double.always('token', { headers: { 'Content-Encoding': coding }, body: { access_token: 'a', expires_in: 60 } });
      return loginError(t, { environment: double.url });
    };
    assert.match((await coded(CREDENTIALS.clientSecret)).hint, /understood/);
    assert.match((await coded(`${'x'.repeat(30)}${CREDENTIALS.clientSecret}`)).hint, /a long name/);
    const error = await coded('br');
    return { error, is: ['NETWORK'], facts: { host: hostOf(double.url), coding: '"br"' } };
  },
  async Undecodable(t) {
    const double = await startDouble(t);
    const body = deflateRawSync(JSON.stringify({ access_token: 'a', expires_in: 60 }));
    double.always('token', { headers: { 'Content-Encoding': 'deflate' }, body });
    const error = await loginError(t, { environment: double.url });
    return { error, is: ['NETWORK'], facts: { host: hostOf(double.url) } };
  },
  async Signature(t) {
    const { double, auth } = await setup(t);
    double.signingKey = 'another';
    return { error: await failureOf(auth), is: ['SIGNATURE_INVALID'], facts: {} };
  },
  async Forbidden(t) {
    const error = await guestError(t, 'create', { status: 403, body: { code: 'not.authorized' } });
    const login = await guestError(t, 'token', { status: 403 });
    assert.equal(login.hint, undefined);
    return { error, is: ['FORBIDDEN'], facts: {} };
  },
  async NoGuestApi(t) {
    const double = await startDouble(t);
    double.always('create', { status: 404, body: { code: 'not.found' } });
    const missing = async (config) => {
      const auth = new pkg.GuestAuthenticator({ ...configOf(double), ...config, auditLogCallback: () => {} });
      t.after(() => auth.close());
      return failureOf(auth);
    };
    assert.equal((await missing({})).hint, undefined, 'an origin may be anything');
    const error = await missing(inRegion(double));
    return { error, is: ['GUEST_CREATION_FAILED'], facts: { region: 'eu_west_1' } };
  },
  ...MESSAGING,
  async RateLimited(t) {
    const { double, auth } = await setup(t, { maxRetries: 0, timeouts: { totalMs: 30_000 } });
    double.next('create', { status: 429, headers: { 'Retry-After': '120' } });
    const error = await failureOf(auth);
    assert.equal(error.retryAfterMs, 120_000);
    const paused = await failureOf(auth);
    assert.equal(double.of('create').length, 1, 'nothing is sent in the pause');
    assert.match(paused.hint, /^Call again after \d+ ms/);
    const silent = await guestError(t, 'create', { status: 429 });
    assert.match(silent.hint, /^Call again after a while/);
    return { error, is: ['RATE_LIMITED'], facts: { wait: '120000 ms' } };
  },
};

/** By `src/guest_api/web_messaging/signed_in_tests.rs`, which has servers for guests who sign in. */
const PLAYED_IN_RUST = new Set(['SignInEnded', 'SignInRefused']);

describe('the hint', () => {
  const played = hints().filter(({ name }) => !PLAYED_IN_RUST.has(name));
  for (const { name, remedy } of played) {
    const [options, play] = Array.isArray(PLAYED[name]) ? PLAYED[name] : [{}, PLAYED[name]];
    test(name, options, async (t) => {
      const { error, is, facts } = await play(t);
      assert.deepEqual([error.code, error.cause?.code], [is[0], is[1]], error.message);
      const sentence = remedy.replace(/\{(\w+)\}/g, (_, fact) => facts[fact] ?? assert.fail(`${fact} is not known`));
      assert.equal(error.hint, sentence);
      assert.doesNotMatch(JSON.stringify(error), /canary/);
    });
  }

  test('of every row is played', () => {
    assert.deepEqual(
      Object.keys(PLAYED),
      played.map(({ name }) => name),
    );
  });
});
