// A Redis or Valkey server of a test's own, and what tests ask it.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../setup.mjs';
import { CLI, folderFor, freePort, ServerProcess } from './processes.mjs';

const runs = promisify(execFile);

/** The password of the user `default`. */
export const PASSWORD = 'redis-pässword/canary';

/** Nothing is kept on disk: a server that was killed has forgotten all. */
const IN_MEMORY = ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0'];

const ASK_LIMIT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

export class Server {
  constructor(process, port, { scheme, cliArgs }) {
    this.process = process;
    this.port = port;
    this.cliArgs = cliArgs;
    this.url = `${scheme}://:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}`;
  }

  /** What the command line client prints for a command. */
  async ask(...words) {
    return (await this.askBytes(...words)).toString().trim();
  }

  async askBytes(...words) {
    const args = ['-p', String(this.port), ...this.cliArgs, '--no-auth-warning', '-e', ...words];
    // It also reads its environment, which must not say otherwise.
    const env = { ...process.env, REDISCLI_AUTH: PASSWORD };
    const options = { encoding: 'buffer', timeout: ASK_LIMIT_MS, maxBuffer: MAX_ANSWER_BYTES, env };
    return (await runs(CLI, args, options)).stdout;
  }

  /** The keys of a kind, which is the letter behind the prefix; of all kinds without one. */
  async keys(kind = '*') {
    const found = await this.ask('--scan', '--pattern', `genesys-guest-auth:${kind}:*`);
    return found.split('\n').filter(Boolean);
  }

  /** Waits until it answers. */
  async isUp() {
    const answers = () =>
      this.ask('PING').then(
        (answer) => answer === 'PONG',
        () => false,
      );
    await until(answers, `the server on port ${this.port} is up`);
    return this;
  }

  /** Waits until a replica has all that was written here. `WAIT` would only ask for what its own connection has written. */
  async isCopied() {
    const offset = /^slave\d+:.*\boffset=(\d+)/gm;
    const isCopied = async () => {
      const told = await this.ask('INFO', 'replication');
      const written = Number(told.match(/master_repl_offset:(\d+)/)[1]);
      return [...told.matchAll(offset)].some(([, copied]) => Number(copied) >= written);
    };
    await until(isCopied, `a replica has all of the server on port ${this.port}`);
  }

  kill() {
    return this.process.kill();
  }

  async restart() {
    await this.kill();
    this.process.start();
    await this.isUp();
  }

  pause() {
    this.process.signal('SIGSTOP');
  }

  resume() {
    this.process.signal('SIGCONT');
  }
}

/** Servers that speak TCP as it is. */
export const PLAIN = { scheme: 'redis', store: {}, cliArgs: [], lines: (port) => [`port ${port}`] };

/**
 * Servers that speak TLS alone, among themselves too, with those who have a certificate of this authority. `store` is what
 * the configuration of a store says of it.
 */
export function overTls(t, authority) {
  const folder = folderFor(t);
  const file = (name, text) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const paths = {
    cert: file('server.pem', authority.cert),
    key: file('server.key', authority.key),
    cacert: file('ca.pem', authority.ca),
  };
  return {
    scheme: 'rediss',
    store: { tls: { ca: authority.ca, cert: authority.cert, key: authority.key } },
    cliArgs: ['--tls', ...Object.entries(paths).flatMap(([name, path]) => [`--${name}`, path])],
    lines: (port) => [
      'port 0',
      `tls-port ${port}`,
      `tls-cert-file ${paths.cert}`,
      `tls-key-file ${paths.key}`,
      `tls-ca-cert-file ${paths.cacert}`,
      'tls-auth-clients yes',
      'tls-replication yes',
      'tls-cluster yes',
    ],
  };
}

/** A server with a password. `lines` are added to its configuration. */
export const startServer = (t, ...lines) => startServerOver(t, PLAIN, ...lines);

/** A server that is reached in this way. */
export async function startServerOver(t, transport, ...lines) {
  const port = await freePort();
  const own = [...transport.lines(port), `requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`, ...IN_MEMORY, ...lines];
  return new Server(new ServerProcess(t, folderFor(t), own), port, transport).isUp();
}
