// Other people's servers as a test has them: child processes in folders of their own, on free ports of loopback, ended by
// their ids however the test ends.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { delimiter, join } from 'node:path';
import { folderFor, freePort } from '../places.mjs';
import { until } from '../setup.mjs';

/** Where distributions put servers, which is not in everybody's path. */
const SERVER_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

const running = new Set();
const endAll = () => {
  for (const child of running) endGroup(child, 'SIGKILL');
};
process.once('exit', endAll);
// They have groups of their own, which the signals that end a test do not reach.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    endAll();
    process.kill(process.pid, signal);
  });
}

/** The path of a program, if it is there. */
export function find(program) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const told = new Set();

/** Options for tests that need these programs: they are skipped without them, with a line that says so. */
export function needs(...programs) {
  const missing = programs.filter((program) => find(program) === undefined);
  for (const program of missing.filter((name) => !told.has(name))) {
    told.add(program);
    console.error(`SKIPPED: ${program} is not installed, the network is not tested with it`);
  }
  return { skip: missing.length > 0 && `${missing.join(', ')} not installed` };
}

/** A signal for a program and all that it started. */
function endGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** A server program that can be told to read its configuration again, killed, and started again. */
export class Program {
  #child;
  #command;
  #env;

  /**
   * `files(place)` gives the contents of its files by name, `args(place)` its arguments, `env(place)` what it finds in its
   * environment; `prepare(place)` does the rest before it starts. `place` is `{ folder, port, file(name) }`. Resolves when it takes connections.
   */
  static async start(t, command, { files, args, env = () => ({}), prepare }) {
    const program = new Program();
    program.folder = folderFor(t, command);
    program.port = await freePort();
    program.#command = command;
    program.#env = env(program);
    program.write(files(program));
    prepare?.(program);
    program.args = args(program);
    t.after(() => program.kill());
    await program.start();
    return program;
  }

  /** The path of a file of its own. */
  file(name) {
    return join(this.folder, name);
  }

  write(files) {
    for (const [name, text] of Object.entries(files)) writeFileSync(this.file(name), text);
  }

  /** Resolves when it takes connections. */
  async start() {
    const env = { ...process.env, ...this.#env };
    // A group of its own, so that what it starts ends with it.
    const child = spawn(find(this.#command), this.args, { cwd: this.folder, env, detached: true, stdio: 'pipe' });
    this.#child = child;
    running.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said = (said + text).slice(-4096);
      });
    }
    const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
    const listens = async () => {
      if (hasEnded()) throw new Error(`${this.#command} ended: ${said}`);
      return isOpen(this.port);
    };
    await until(listens, `${this.#command} listens`).catch((error) => {
      throw new Error(`${error.message}\n${said}`);
    });
  }

  /** A signal for the main process alone. */
  signal(name) {
    this.#child.kill(name);
  }

  /** Ends it at once, with its connections; resolves when it is gone. */
  async kill() {
    const child = this.#child;
    endGroup(child, 'SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    running.delete(child);
  }

  async restart() {
    await this.kill();
    await this.start();
  }

  /** What is in a file of its own; nothing as long as that is not there. */
  read(name) {
    try {
      return readFileSync(this.file(name), 'utf8');
    } catch {
      return '';
    }
  }
}

/** Whether somebody listens on this port. */
export async function isOpen(port) {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
