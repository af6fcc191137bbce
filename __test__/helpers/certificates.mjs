// A private certificate authority, made with openssl, and an https server that it vouches for.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Double } from './double.mjs';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** `{ ca, caFile, cert, key, remove }`: an authority of this name, and a certificate of it for these hosts. */
export function makeAuthority(hosts = 'IP:127.0.0.1,DNS:localhost,DNS:guest.test', name = 'Test authority') {
  const folder = mkdtempSync(join(tmpdir(), 'guest-ca-'));
  const file = (name) => join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl('req', '-x509', ...KEY, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2', '-subj', `/CN=${name}`);
  openssl('req', ...KEY, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=Test server');
  writeFileSync(file('server.ext'), `subjectAltName=${hosts}\nbasicConstraints=CA:FALSE\n`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'server.ext'];
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', '-days', '2', ...signed);
  const read = (name) => readFileSync(file(name), 'utf8');
  return {
    ca: read('ca.pem'),
    caFile: file('ca.pem'),
    cert: read('server.pem'),
    key: read('server.key'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A double that speaks https. */
export async function startSecureDouble(t, { cert, key }) {
  const double = await Double.start(https.createServer({ cert, key }), 'https');
  t.after(() => double.close());
  return double;
}
