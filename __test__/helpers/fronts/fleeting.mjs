// A double in a thread of its own that ends each connection half a millisecond after its first answer, and says nothing of
// it: what a client sends in that time is lost.

import { once } from 'node:events';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { Double } from '../double.mjs';

const OPEN_MS = 0.5;

/** `{ url }` of such a server. */
export async function startFleeting(t) {
  const worker = new Worker(fileURLToPath(import.meta.url));
  t.after(() => worker.terminate());
  const [url] = await once(worker, 'message');
  return { url };
}

if (!isMainThread && parentPort) {
  const server = http.createServer();
  server.on('request', ({ socket }, response) => {
    response.once('finish', () => {
      // Nothing may be read meanwhile.
      for (const end = performance.now() + OPEN_MS; performance.now() < end; );
      socket.destroy();
    });
  });
  parentPort.postMessage((await Double.start(server)).url);
}
