// An HTTP proxy on loopback: tunnels (CONNECT) and plain requests, written down. Names that are in `hosts` lead to a port of
// this machine; all others lead nowhere, so that no test leaves it.

import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

const LOGIN = '407 Proxy Authentication Required';

export async function startProxy(t, { hosts = {}, refuse } = {}) {
  /** `CONNECT host:port` or `METHOD http://host/path`, and the credentials that came along. */
  const seen = [];
  const sockets = new Set();
  const server = http.createServer();
  const note = (request) => {
    seen.push({ line: `${request.method} ${request.url}`, credentials: request.headers['proxy-authorization'] });
  };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, socket) => {
    note(request);
    const port = hosts[request.url.replace(/:\d+$/, '')];
    // After any other status than 407 the client asks once more, to hear which it was.
    if (refuse || port === undefined) return socket.end(`HTTP/1.1 ${refuse ?? LOGIN}\r\n\r\n`);
    const target = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    sockets.add(target);
    for (const end of [target, socket]) end.on('error', () => [target, socket].map((other) => other.destroy()));
  });
  server.on('request', (request, response) => {
    note(request);
    const url = new URL(request.url, 'http://origin-form.invalid');
    const port = hosts[url.hostname];
    if (port === undefined) return response.writeHead(502).end();
    const { method, headers } = request;
    const onward = http.request({ port, method, path: url.pathname + url.search, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address();
  return { seen, port, url: `http://127.0.0.1:${port}`, lines: () => seen.map(({ line }) => line) };
}
