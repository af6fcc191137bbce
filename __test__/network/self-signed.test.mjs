// A self-signed server certificate given as `ca`: accepted where Node's own client accepts it, and nothing else with it.

import assert from 'node:assert/strict';
import https from 'node:https';
import { describe, test } from 'node:test';
import { startSecureDouble } from '../helpers/certificates.mjs';
import { needs } from '../helpers/fronts/programs.mjs';
import { selfSigned } from '../helpers/self-signed.mjs';
import { configOf, failure, pkg } from '../helpers/setup.mjs';

const { NetworkError, OAuthManager } = pkg;

/** What Node's own client makes of a server: nothing, or the code of its error. */
function verdictOfNode(url, ca) {
  return new Promise((resolve) => {
    const request = https.get(`${url}/crm/profiles?email=a@example.com`, { ca, agent: false });
    request.on('response', (answer) => {
      answer.resume();
      resolve(undefined);
    });
    request.on('error', ({ code }) => resolve(code));
  });
}

async function token(double, ca) {
  const manager = new OAuthManager({ ...configOf(double), ca, maxRetries: 0 });
  try {
    return await manager.getAccessToken();
  } finally {
    await manager.close();
  }
}

async function refused(double, ca, words) {
  const error = await failure(token(double, ca), NetworkError, 'NETWORK');
  assert.deepEqual([error.attempts, error.retryable], [1, false]);
  assert.match([error.message, error.hint, error.cause?.message].join(' '), words);
  assert.equal(double.of('token').length, 0);
}

describe('a self-signed certificate given as ca', needs('openssl'), () => {
  const kinds = {
    'as openssl req -x509 makes it': {},
    'with an RSA key': { key: ['rsa:2048'] },
    'that is no authority': { extensions: ['basicConstraints=critical,CA:FALSE'] },
    'for servers alone': { extensions: ['extendedKeyUsage=serverAuth', 'keyUsage=digitalSignature'] },
  };
  for (const [what, options] of Object.entries(kinds)) {
    test(`${what}, is accepted, as Node does`, async (t) => {
      const own = selfSigned(options);
      const double = await startSecureDouble(t, own);
      assert.equal(await verdictOfNode(double.url, own.cert), undefined);
      assert.match(await token(double, own.cert), /^access-/);
    });
  }

  test('is taken as text, bytes, several, and with a byte order mark', async (t) => {
    const own = selfSigned();
    const other = selfSigned();
    const double = await startSecureDouble(t, own);
    const bytes = Buffer.from(own.cert);
    const mark = Buffer.from([0xef, 0xbb, 0xbf]);
    const forms = [
      own.cert,
      bytes,
      new Uint8Array(bytes),
      [bytes],
      [Buffer.from(other.cert), bytes],
      [other.cert, bytes],
      `\ufeff${own.cert}`,
      Buffer.concat([mark, bytes]),
      [`\ufeff${other.cert}`, Buffer.concat([mark, bytes])],
      Buffer.concat([Buffer.from(other.cert), bytes]),
      own.cert.replaceAll('\n', '\r\n'),
    ];
    for (const [index, ca] of forms.entries()) assert.match(await token(double, ca), /^access-/, `form ${index}`);
  });

  test('must be for the host', async (t) => {
    const own = selfSigned({ hosts: 'DNS:elsewhere.example' });
    const double = await startSecureDouble(t, own);
    assert.equal(await verdictOfNode(double.url, own.cert), 'ERR_TLS_CERT_ALTNAME_INVALID');
    await refused(double, own.cert, /elsewhere\.example|not valid for/i);
  });

  for (const [what, dates, code, words] of [
    ['expired', ['20200101000000Z', '20210101000000Z'], 'CERT_HAS_EXPIRED', /expired/i],
    ['not yet valid', ['20900101000000Z', '20910101000000Z'], 'CERT_NOT_YET_VALID', /not (yet )?valid/i],
  ]) {
    test(`must not be ${what}`, async (t) => {
      const own = selfSigned({ dates });
      const double = await startSecureDouble(t, own);
      assert.equal(await verdictOfNode(double.url, own.cert), code);
      await refused(double, own.cert, words);
    });
  }

  test('vouches for itself alone: another with the same names is refused', async (t) => {
    const double = await startSecureDouble(t, selfSigned());
    const { cert } = selfSigned();
    assert.notEqual(await verdictOfNode(double.url, cert), undefined);
    await refused(double, cert, /certificate/i);
  });
});
