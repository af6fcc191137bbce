// A TLS front before the sandbox, for what goes wrong below HTTP: nobody listens, the handshake breaks, the certificate is
// a stranger's, HTTP/2 says goodbye. Everything else it hands on.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { makeAuthority } from '../helpers/certificates.mjs';

const trusted = makeAuthority();
const stranger = makeAuthority(undefined, 'Stranger');
for (const authority of [trusted, stranger]) authority.remove();

/** What a client must trust to get through. */
export const { ca } = trusted;

const FRAME_HEADER_BYTES = 9;
const HEADERS = 1;
const SETTINGS = 4;
const GOAWAY = 7;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Headers of one connection, which the next one has of its own. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'http2-settings', 'upgrade'];

export class Front {
  sockets = new Set();
  /** Connections that met the fault. */
  hits = 0;
  #target;
  #fault;
  #left = 0;
  #goodbyes = 0;
  #armedBy;
  #servers;
  #listener;
  #port = 0;

  constructor(target, { http2: speaksHttp2 = false } = {}) {
    this.#target = new URL(target);
    const handler = (request, response) => this.#handOn(request, response);
    this.#servers = {
      good: speaksHttp2 ? http2.createSecureServer(trusted, handler) : https.createServer(trusted, handler),
      certificate: https.createServer(stranger),
      goaway: tls.createServer({ ...trusted, ALPNProtocols: ['h2'] }, sayGoodbye),
    };
    // A client that refuses a certificate, or goes away, does not matter here.
    for (const server of Object.values(this.#servers)) {
      for (const event of ['tlsClientError', 'sessionError', 'clientError']) server.on(event, () => {});
    }
  }

  get url() {
    return `https://127.0.0.1:${this.#port}`;
  }

  async listen() {
    this.#listener = net.createServer((socket) => this.#connected(socket));
    this.#listener.listen(this.#port, '127.0.0.1');
    await once(this.#listener, 'listening');
    this.#port = this.#listener.address().port;
    return this;
  }

  /**
   * The next connections meet this fault: `refused`, `handshake`, `certificate` or `goaway`; with `after`, those that
   * come once a request with this method and path was answered.
   */
  arm(fault, count = Infinity, after = undefined) {
    this.#armedBy = after;
    const strike = () => {
      this.#fault = fault;
      this.#left = count;
      if (fault === 'refused') this.#listener.close();
    };
    if (after === undefined) strike();
    else this.#armedBy = { ...after, strike };
  }

  /** Over HTTP/2: the next requests are the last of their connections, which a GOAWAY says before the answer. */
  sayGoodbye(count = Infinity) {
    this.#goodbyes = count;
  }

  /** As if nothing had been. */
  async disarm() {
    this.#fault = undefined;
    this.#left = 0;
    this.#goodbyes = 0;
    if (!this.#listener.listening) await this.listen();
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    if (this.#listener.listening) this.#listener.close();
  }

  #connected(socket) {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    const strikes = this.#fault !== undefined && this.#left > 0;
    if (!strikes) {
      this.#servers.good.emit('connection', socket);
      return;
    }
    this.#left -= 1;
    this.hits += 1;
    if (this.#fault === 'handshake') socket.resetAndDestroy();
    else this.#servers[this.#fault].emit('connection', socket);
  }

  #handOn(request, response) {
    const kept = ([header]) => !header.startsWith(':') && !HOP_BY_HOP.includes(header);
    const { hostname, port } = this.#target;
    const onward = http.request({
      host: hostname,
      port,
      method: request.method,
      path: request.url,
      headers: { ...Object.fromEntries(Object.entries(request.headers).filter(kept)), connection: 'close' },
      agent: false,
    });
    onward.on('response', (answer) => {
      const armed = this.#armedBy;
      const strikes = armed !== undefined && armed.method === request.method && request.url.endsWith(armed.path);
      if (strikes) {
        this.#armedBy = undefined;
        armed.strike();
      }
      const headers = Object.fromEntries(Object.entries(answer.headers).filter(kept));
      // The next request must come on another connection.
      if (strikes) headers.connection = 'close';
      if (this.#goodbyes > 0) {
        this.#goodbyes -= 1;
        this.hits += 1;
        request.stream.session.close();
      }
      response.writeHead(answer.statusCode, headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy?.());
    // Whoever goes away in the middle takes the request behind the front along.
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }
}

/** HTTP/2 that takes no request: the first one is answered with a GOAWAY that says that none was processed. */
function sayGoodbye(socket) {
  let seen = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.write(frame(SETTINGS));
  socket.on('data', (data) => {
    seen = Buffer.concat([seen, data]);
    let at = PREFACE.length;
    while (seen.length >= at + FRAME_HEADER_BYTES) {
      if (seen[at + 3] === HEADERS) {
        // Last stream 0, no error. The client closes the connection: there is nothing left to wait for.
        socket.write(frame(GOAWAY, Buffer.alloc(8)));
        socket.removeAllListeners('data').resume();
        return;
      }
      at += FRAME_HEADER_BYTES + seen.readUIntBE(at, 3);
    }
  });
}

function frame(type, payload = Buffer.alloc(0)) {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  return Buffer.concat([header, payload]);
}
