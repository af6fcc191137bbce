// A TCP proxy on loopback that cuts, stalls and slows what goes through it.

import { once } from 'node:events';
import net from 'node:net';

/** `{ port, pairs, cut(), stall(), swallow(), flow(delayMs?) }` for a server on this port. */
export async function startTcpProxy(t, target) {
  const sockets = new Set();
  /** `[client, upstream]` of clients that are there. */
  const pairs = new Set();
  let delayMs = 0;
  let isStalled = false;
  const held = [];

  /** Passes pieces on in their order, each as late as it must be. */
  function pass(from, to) {
    from.on('data', (piece) => {
      if (from.isSwallowed) return;
      const write = () => !to.destroyed && to.write(piece);
      if (isStalled) held.push(write);
      else if (delayMs > 0) setTimeout(write, delayMs);
      else write();
    });
    from.on('error', () => {});
    // The other side of a path that has died does not hear of it.
    from.once('close', () => from.isSwallowed || to.destroy());
  }

  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    const pair = [client, upstream];
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
    pass(client, upstream);
    pass(upstream, client);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    cut();
    server.close();
    await once(server, 'close');
  });
  return {
    port: server.address().port,
    pairs,
    /** Closes all connections. New ones are taken. */
    cut,
    /** Connections stay open, and nothing goes through. */
    stall: () => {
      isStalled = true;
    },
    /** The connections of now stay open and carry nothing any more, in no direction. New ones work. */
    swallow: () => {
      for (const socket of sockets) socket.isSwallowed = true;
    },
    /** Lets everything through, every piece so much later. */
    flow: (ms = 0) => {
      isStalled = false;
      delayMs = ms;
      for (const write of held.splice(0)) write();
    },
  };
}
