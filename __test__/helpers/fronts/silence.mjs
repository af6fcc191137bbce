// An address that neither takes nor refuses connections: a listener whose queue is full, before which Linux drops what
// knocks.

import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** More than the queue of a listener with the shortest one holds. */
const KNOCKS = 8;

/** Longer than it takes to connect to a listener on this machine. */
const UNTAKEN_MS = 300;

/** Makes this port of an address of this machine silent. */
export async function silence(t, host, port) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { host, port } });
  const sockets = new Set();
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await worker.terminate();
  });
  await once(worker, 'message');
  for (let i = 0; i < KNOCKS; i++) {
    const socket = net.connect(port, host).on('error', () => {});
    sockets.add(socket);
    const taken = once(socket, 'connect').then(() => true);
    const untaken = new Promise((resolve) => setTimeout(resolve, UNTAKEN_MS, false));
    if (!(await Promise.race([taken, untaken]))) return;
  }
  throw new Error(`${host} takes every connection`);
}

if (!isMainThread && parentPort) {
  net.createServer().listen({ ...workerData, backlog: 1 }, () => {
    parentPort.postMessage('listening');
    // From now on it takes nothing.
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
}
