// The least that anything beside the JavaScript thread costs: a message to a thread that sleeps for as long as an
// authentication takes on loopback, and a message back. It does no work at all.

import { Worker } from 'node:worker_threads';

const TAKES_MS = 0.5;

const SLEEPER = `
  const { parentPort } = require('node:worker_threads');
  const never = new Int32Array(new SharedArrayBuffer(4));
  parentPort.on('message', () => {
    Atomics.wait(never, 0, 0, ${TAKES_MS});
    parentPort.postMessage(0);
  });
`;

export function open() {
  const worker = new Worker(SLEEPER, { eval: true });
  const waiting = [];
  worker.on('message', () => waiting.shift()());
  return {
    authenticate: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        worker.postMessage(0);
      }),
    async settle() {},
    close: () => worker.terminate(),
  };
}
