// A forward proxy that reads only where to connect, and takes every name below `.test` for this machine. Then it passes bytes,
// ends and resets on, both ways.

import { once } from 'node:events';
import net from 'node:net';

const TUNNEL = 'HTTP/1.1 200 Connection established\r\n\r\n';
const UNREACHED = 'HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n';

export class ForwardProxy {
  sockets = new Set();
  /** Connections that went through. */
  passed = 0;
  #server = net.createServer((client) => this.#serve(client));

  static async start() {
    const proxy = new ForwardProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }

  #keep(socket) {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
  }

  #serve(client) {
    this.#keep(client);
    client.once('data', (head) => {
      client.pause();
      const [method, target] = head.toString('latin1').split(' ', 2);
      const isTunnel = method === 'CONNECT';
      const { hostname, port } = new URL(isTunnel ? `tcp://${target}` : target);
      const server = net.connect(port, hostname.endsWith('.test') ? '127.0.0.1' : hostname);
      this.#keep(server);
      server.once('connect', () => {
        this.passed += 1;
        if (isTunnel) client.write(TUNNEL);
        // A server takes the absolute form of an address as well as the path alone.
        else server.write(head);
        join(client, server);
        join(server, client);
      });
      server.once('error', () => {
        if (server.connecting || server.bytesRead + server.bytesWritten === 0) client.end(UNREACHED);
      });
    });
  }
}

function join(from, to) {
  from.pipe(to);
  from.once('close', (failed) => (failed ? to.resetAndDestroy() : to.destroySoon()));
}
