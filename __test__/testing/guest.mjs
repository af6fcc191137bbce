// A guest on a socket of the library `ws`, which knows nothing of this package.

import { once } from 'node:events';
import { WebSocket } from 'ws';

export class Guest {
  #socket;
  #frames = [];
  #waiting = [];

  /** Connects; rejects when the handshake is refused. */
  static async connect(url, options) {
    const socket = new WebSocket(url, options);
    const guest = new Guest(socket);
    await once(socket, 'open');
    return guest;
  }

  constructor(socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) =>
      socket.once('close', (code, reason) => resolve({ code, reason: `${reason}` })),
    );
    socket.on('message', (data, isBinary) => {
      const frame = isBinary ? data : JSON.parse(data);
      const waiting = this.#waiting.shift();
      if (waiting) waiting(frame);
      else this.#frames.push(frame);
    });
  }

  send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The next frame. */
  next() {
    if (this.#frames.length > 0) return Promise.resolve(this.#frames.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Sends a frame, and waits for the next one. */
  ask(frame) {
    this.send(frame);
    return this.next();
  }

  close(...code) {
    this.#socket.close(...code);
    return this.closed;
  }
}
