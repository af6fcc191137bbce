// A few sandboxes for many cells: each cell has one of them to itself, as it was at the start.

import { startSandbox } from 'genesys-guest-auth/testing';

export class Pool {
  #idle = [];
  #waiting = [];
  #all = [];

  static async start(size, options) {
    const pool = new Pool();
    pool.#all = await Promise.all(Array.from({ length: size }, () => startSandbox(options)));
    pool.#idle = [...pool.#all];
    return pool;
  }

  /** Runs `work` with a sandbox that nobody else uses meanwhile. */
  async with(work) {
    const sandbox = this.#idle.pop() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    try {
      await sandbox.reset();
      return await work(sandbox);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(sandbox);
      else this.#idle.push(sandbox);
    }
  }

  async close() {
    await Promise.all(this.#all.map((sandbox) => sandbox.close()));
  }
}
