// A TCP proxy on loopback that cuts, stalls and slows what goes through it.

import { once } from 'node:events';
import net from 'node:net';

/** `{ port, cut(), stall(), flow(delayMs?) }` for a server on this port. */
export async function startTcpProxy(t, target) {
  const pairs = new Set();
  let delayMs = 0;
  let isStalled = false;
  const held = [];

  /** Passes pieces on in their order, each as late as it must be. */
  function pass(from, to) {
    from.on('data', (piece) => {
      const write = () => !to.destroyed && to.write(piece);
      if (isStalled) held.push(write);
      else if (delayMs > 0) setTimeout(write, delayMs);
      else write();
    });
    from.on('error', () => {});
    from.once('close', () => to.destroy());
  }

  const server = net.createServer((client) => {
    const upstream = net.connect(target, '127.0.0.1');
    pairs.add([client, upstream]);
    pass(client, upstream);
    pass(upstream, client);
  });
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
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
    /** Closes all connections. New ones are taken. */
    cut,
    /** Connections stay open, and nothing goes through. */
    stall: () => {
      isStalled = true;
    },
    /** Lets everything through, every piece so much later. */
    flow: (ms = 0) => {
      isStalled = false;
      delayMs = ms;
      for (const write of held.splice(0)) write();
    },
  };
}
