// Starts processes that share a store.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../setup.mjs';

export class Worker {
  /** Starts a process, and resolves when it can be told what to do. It ends with the test. */
  static async start(t, { auditLogCallback: _, ...config }) {
    const worker = new Worker();
    worker.process = fork(join(root, '__test__/helpers/redis/worker.mjs'), [JSON.stringify(config)]);
    t.after(() => worker.kill());
    await once(worker.process, 'message');
    return worker;
  }

  /** `count` of them. */
  static all(t, count, config) {
    return Promise.all(Array.from({ length: count }, () => Worker.start(t, config)));
  }

  /** Authenticates guests; `{ codes, metrics }`. A process that dies meanwhile rejects. */
  async authenticate(payloads, sideBySide = payloads.length) {
    this.process.send({ payloads, sideBySide });
    const died = once(this.process, 'exit').then(([code, signal]) => {
      throw new Error(`the process ended: ${signal ?? code}`);
    });
    const [answer] = await Promise.race([once(this.process, 'message'), died]);
    return answer;
  }

  /** `SIGSTOP` pauses it, `SIGCONT` lets it go on. */
  signal(name) {
    this.process.kill(name);
  }

  async kill() {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}
