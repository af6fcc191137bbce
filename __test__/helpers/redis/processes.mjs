// Server processes of a test: in folders of their own, on free ports, ended by their ids however the test ends.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as places from '../places.mjs';

/** Which one is tested, `redis` or `valkey`: the names of the programs begin with it. */
const KIND = process.env.TEST_REDIS ?? 'redis';
const SERVER = `${KIND}-server`;
export const CLI = `${KIND}-cli`;

const isInstalled = [SERVER, CLI].every((name) => spawnSync(name, ['--version']).status === 0);
if (!isInstalled) console.error(`SKIPPED: ${SERVER} is not installed, shared sessions are not tested with it`);

/** Options for suites that need a server. */
export const needsRedis = { skip: isInstalled ? false : `${SERVER} is not installed` };

/** Ports of a cluster's nodes leave room for their bus, which is this much higher. */
const BUS = 10_000;
const HIGHEST_PORT = 65_535 - BUS;

const running = new Set();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A folder that lives as long as the test. */
export const folderFor = (t) => places.folderFor(t, 'redis');

/** A port on which nobody listens, nor on the one of its bus. */
export async function freePort() {
  for (;;) {
    const port = await places.freePort();
    if (port <= HIGHEST_PORT && (await places.freePort(port + BUS).catch(() => undefined))) return port;
  }
}

/** A server, or with `--sentinel` a sentinel, that can be killed, paused and started again. */
export class ServerProcess {
  #child;
  #args;

  /** `lines` are its configuration. The file stays as it is while the server rewrites it. */
  constructor(t, folder, lines, ...args) {
    const file = join(folder, 'redis.conf');
    writeFileSync(file, `${['bind 127.0.0.1', `dir ${folder}`, ...lines].join('\n')}\n`);
    this.#args = [file, ...args];
    this.start();
    t.after(() => this.kill());
  }

  start() {
    this.#child = spawn(SERVER, this.#args, { stdio: 'ignore' });
    running.add(this.#child);
  }

  /** `SIGSTOP` pauses it, `SIGCONT` lets it go on. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Resolves when it is gone. */
  async kill() {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    running.delete(child);
  }
}
