// TLS that cannot work: said in plain words, at once, and not tried again.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeAuthority, startSecureDouble } from '../helpers/certificates.mjs';
import { run } from '../helpers/children.mjs';
import { needs, Program } from '../helpers/fronts/programs.mjs';
import { folderFor } from '../helpers/places.mjs';
import { selfSigned } from '../helpers/self-signed.mjs';
import { configOf, failure, guest, pkg, startDouble } from '../helpers/setup.mjs';

const wordsOf = ({ message, hint, cause }) => [message, hint, cause?.message].filter(Boolean).join(' ');

/** A call to a server that cannot be spoken to; what is said of it. */
async function complaint(url, ca) {
  const config = { environment: url, clientId: 'id', clientSecret: 'secret', ca };
  const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
  try {
    const error = await failure(auth.authenticateGuest(guest()), pkg.NetworkError, 'NETWORK');
    assert.deepEqual([error.attempts, error.retryable], [1, false], error.message);
    return wordsOf(error);
  } finally {
    await auth.close();
  }
}

/** Whoever reads it must learn that the two sides have no algorithm in common, and which ones would do. */
const NO_COMMON_ALGORITHM = /algorithm|cipher|suite|key type/i;
const WHAT_WOULD_DO = /P-256|TLS 1\.[23]|Ed25519/;

describe('a server whose algorithms are not spoken', needs('openssl'), () => {
  const keys = {
    'a P-521 key': ['ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1'],
    'an RSA-PSS key': ['rsa-pss', '-pkeyopt', 'rsa_keygen_bits:2048'],
  };
  for (const [what, key] of Object.entries(keys)) {
    test(`${what}: is complained of once, in plain words`, async (t) => {
      const own = selfSigned({ key });
      const double = await startSecureDouble(t, own);
      const words = await complaint(double.url, own.cert);
      assert.match(words, NO_COMMON_ALGORITHM);
      assert.match(words, WHAT_WOULD_DO);
      assert.equal(double.exchanges.length, 0);
    });
  }

  const suites = {
    'CBC alone': ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA'],
    'RSA key exchange alone': ['-tls1_2', '-cipher', 'AES128-GCM-SHA256'],
    'TLS 1.1 alone': ['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'],
  };
  for (const [what, options] of Object.entries(suites)) {
    test(`${what}: is complained of once, in plain words`, async (t) => {
      const own = selfSigned({ key: ['rsa:2048'] });
      const server = await Program.start(t, 'openssl', {
        files: () => ({ 'cert.pem': own.cert, 'key.pem': own.key }),
        args: ({ port }) => [
          's_server',
          '-accept',
          `127.0.0.1:${port}`,
          '-cert',
          'cert.pem',
          '-key',
          'key.pem',
          '-quiet',
          ...options,
        ],
      });
      const words = await complaint(`https://127.0.0.1:${server.port}`, own.cert);
      assert.match(words, NO_COMMON_ALGORITHM);
      assert.match(words, WHAT_WOULD_DO);
    });
  }
});

describe('a port that speaks no TLS', () => {
  test('but HTTP: is complained of once, in plain words', async (t) => {
    const double = await startDouble(t);
    const words = await complaint(double.url.replace('http:', 'https:'));
    assert.match(words, /no TLS|not TLS|without TLS|plain/i);
    assert.match(words, /\bhttp\b|port/);
    assert.equal(double.exchanges.length, 0);
  });

  test('but something else: is complained of once, in plain words', async (t) => {
    const server = net.createServer((socket) => socket.on('error', () => {}).write('SSH-2.0-OpenSSH_9.2\r\n'));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const words = await complaint(`https://127.0.0.1:${server.address().port}`);
    assert.match(words, /no TLS|not TLS|without TLS|plain/i);
  });
});

describe('where the system has no certificate authorities', needs('openssl'), () => {
  let authority;
  before(() => {
    authority = makeAuthority();
  });
  after(() => authority.remove());

  const FETCH = `
    new pkg.OAuthManager({ maxRetries: 0, ...config }).getAccessToken().then(
      (token) => console.log(JSON.stringify({ token })),
      ({ code, message, hint, retryable, cause }) =>
        console.log(JSON.stringify({ code, retryable, words: [message, hint, cause?.message].join(' ') })),
    );
  `;

  /** In a process of its own: a token, or what was wrong. */
  async function fetchToken(config, env) {
    const { stdout, stderr } = await run(FETCH, { config, env });
    assert.equal(stderr, '');
    return JSON.parse(stdout);
  }

  /** Surroundings without authorities: named files that are not there, and such as are empty. */
  function bare(t) {
    const folder = folderFor(t, 'bare');
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'empty.pem'), '');
    return {
      'files that are not there': { SSL_CERT_FILE: join(folder, 'missing.pem'), SSL_CERT_DIR: join(folder, 'missing') },
      'files that are empty': { SSL_CERT_FILE: join(folder, 'empty.pem'), SSL_CERT_DIR: join(folder, 'empty') },
      'a file that is not there': { SSL_CERT_FILE: join(folder, 'missing.pem') },
    };
  }

  test('ca and NODE_EXTRA_CA_CERTS do alone', async (t) => {
    const double = await startSecureDouble(t, authority);
    for (const [what, env] of Object.entries(bare(t))) {
      const config = { ...configOf(double), ca: authority.ca };
      assert.match((await fetchToken(config, env)).token ?? '', /^access-/, what);
      const extra = { ...env, NODE_EXTRA_CA_CERTS: authority.caFile };
      assert.match((await fetchToken(configOf(double), extra)).token ?? '', /^access-/, what);
    }
  });

  test('and none are given: those in the usual places serve, and nobody else is trusted', async (t) => {
    const double = await startSecureDouble(t, authority);
    for (const [what, env] of Object.entries(bare(t))) {
      const { words, retryable } = await fetchToken(configOf(double), env);
      assert.equal(retryable, false, what);
      assert.match(words, /UnknownIssuer|no certificate authorities were found/, what);
    }
  });

  test('SSL_CERT_FILE may name them', async (t) => {
    const double = await startSecureDouble(t, authority);
    const { token } = await fetchToken(configOf(double), { SSL_CERT_FILE: authority.caFile });
    assert.match(token ?? '', /^access-/);
  });
});
