// Certificates made in memory: a test needs an authority that nobody knows, and no private key in the repository.

import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const ECDSA_WITH_SHA256 = '2a8648ce3d040302';
const COMMON_NAME = '550403';
const BASIC_CONSTRAINTS = '551d13';
const SUBJECT_ALTERNATIVE_NAME = '551d11';
const TRUE = Buffer.from('0101ff', 'hex');

const DAY_MS = 24 * 3600 * 1000;

/** One DER element: tag, length, contents. */
function der(tag, ...contents) {
  const body = Buffer.concat(contents.map((content) => Buffer.from(content)));
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...items) => der(0x30, ...items);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const bits = (content) => der(0x03, [0], content);
const name = (text) => sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, text))));
const time = (ms) => der(0x17, `${new Date(ms).toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`);
const extension = (id, critical, content) => sequence(oid(id), ...(critical ? [TRUE] : []), der(0x04, content));

function pem(label, content) {
  return `-----BEGIN ${label}-----\n${content.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
}

function certificate({ subject, issuer, publicKey, issuerKey, extensions }) {
  const algorithm = sequence(oid(ECDSA_WITH_SHA256));
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)]);
  const content = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, serial),
    algorithm,
    name(issuer),
    sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS)),
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  return pem('CERTIFICATE', sequence(content, algorithm, bits(sign('sha256', content, issuerKey))));
}

/** An authority, and a certificate of its for loopback: `{ ca, cert, key }` in PEM, as `node:tls` takes them. */
export function makeCertificate(authority) {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const loopback = sequence(der(0x87, [127, 0, 0, 1]), der(0x82, 'localhost'));
  return {
    ca: certificate({
      subject: authority,
      issuer: authority,
      publicKey: ca.publicKey,
      issuerKey: ca.privateKey,
      extensions: [extension(BASIC_CONSTRAINTS, true, sequence(TRUE))],
    }),
    cert: certificate({
      subject: 'localhost',
      issuer: authority,
      publicKey: leaf.publicKey,
      issuerKey: ca.privateKey,
      extensions: [extension(SUBJECT_ALTERNATIVE_NAME, false, loopback)],
    }),
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}
