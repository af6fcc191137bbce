// Certificates that openssl makes in one step: their own authority, as servers inside a company often have them.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

/**
 * `{ cert, key }` as `openssl req -x509` makes them, CA:TRUE and all. `key`: what `-newkey` takes; `extensions`: more lines
 * for `-addext`; `dates`: `[from, to]`, as `openssl ca` takes them.
 */
export function selfSigned({ key = P256, hosts = 'IP:127.0.0.1,DNS:localhost', extensions = [], dates } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'guest-self-signed-'));
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const read = (name) => readFileSync(join(folder, name), 'utf8');
  try {
    const added = [`subjectAltName=${hosts}`, ...extensions].flatMap((line) => ['-addext', line]);
    const made = ['-newkey', ...key, '-nodes', '-keyout', 'key.pem', '-subj', '/CN=Self-signed'];
    openssl('req', '-x509', ...made, '-out', 'cert.pem', '-days', '30', ...added);
    if (dates) redate(folder, openssl, hosts, dates);
    return { cert: read('cert.pem'), key: read('key.pem') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same certificate for another time, which `req` does not let one choose. */
function redate(folder, openssl, hosts, [from, to]) {
  writeFileSync(join(folder, 'index.txt'), '');
  const config = `
[ca]
default_ca = own
[own]
database = ${folder}/index.txt
new_certs_dir = ${folder}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]
subjectAltName = ${hosts}
basicConstraints = critical,CA:TRUE
`;
  writeFileSync(join(folder, 'ca.conf'), config);
  openssl('req', '-new', '-key', 'key.pem', '-subj', '/CN=Self-signed', '-out', 'request.pem');
  const ends = ['-startdate', from, '-enddate', to];
  const files = ['-keyfile', 'key.pem', '-in', 'request.pem', '-out', 'cert.pem', '-notext'];
  openssl('ca', '-batch', '-selfsign', '-config', 'ca.conf', ...files, ...ends);
}
