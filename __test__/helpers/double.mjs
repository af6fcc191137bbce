// A server that plays the login, the guest API, the CRM and the webhook, as odd as a test wants it: every route can be
// answered otherwise, held open, or left unanswered. One for each test, on loopback.

import { createHmac, randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';

const GUESTS = '/api/v2/engagements/guests';

/** Longer than anything takes on a busy machine. */
const PATIENCE_MS = 20_000;

/** What a request is, from its method and path. */
function routeOf(method, path) {
  if (method === 'POST' && path === '/oauth/token') return 'token';
  if (method === 'POST' && path === GUESTS) return 'create';
  if (method === 'POST' && path === `${GUESTS}/refresh`) return 'refresh';
  if (method === 'PUT' && path.startsWith(`${GUESTS}/`)) return 'attributes';
  if (method === 'GET' && path.startsWith('/api/v2/journey/actions/channels/')) return 'channel';
  if (method === 'GET' && path === '/crm/profiles') return 'crm';
  if (method === 'POST' && path === '/hook') return 'webhook';
  return 'other';
}

/** The promise, or an error when it takes much longer than it can. */
async function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** One request with its answer. */
class Exchange {
  #gone;

  constructor(request, response, body) {
    const url = new URL(request.url, 'http://double');
    this.method = request.method;
    this.url = request.url;
    this.path = url.pathname;
    this.query = url.searchParams;
    this.route = routeOf(this.method, this.path);
    this.headers = request.headers;
    this.body = body.toString();
    this.socket = request.socket;
    this.response = response;
    this.#gone = new Promise((resolve) => {
      response.once('close', () => response.writableFinished || resolve());
    });
  }

  /** Resolves when the client has gone away without an answer. */
  get cancelled() {
    return inTime(this.#gone, `the client gives up its ${this.route} request`);
  }

  get json() {
    return JSON.parse(this.body);
  }

  /** Sends an answer: `{ status?, headers?, body? }`, where a body that is no text or bytes is written as JSON. */
  respond({ status = 200, headers = {}, body = '' } = {}) {
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
    if (this.response.destroyed) return;
    this.response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    this.response.end(isRaw ? body : JSON.stringify(body));
  }

  /** Closes the connection in the place of an answer. */
  drop() {
    this.socket.resetAndDestroy();
  }
}

export class Double {
  /** All requests so far, in order of arrival. */
  exchanges = [];
  sockets = new Set();
  #always = {};
  #once = {};
  #held = {};
  #arrivals = new EventEmitter().setMaxListeners(0);
  #count = { token: 0, guest: 0, refresh: 0 };
  #server;

  constructor(server) {
    this.#server = server;
    server.on('request', (request, response) => this.#receive(request, response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static async start(server = http.createServer(), protocol = 'http') {
    const double = new Double(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    double.url = `${protocol}://127.0.0.1:${server.address().port}`;
    double.signingKey = `${double.url}-guest-signing-key`;
    return double;
  }

  /** Answers a route in this way from now on: an answer for `respond`, or a function of the exchange that may give one. */
  always(route, answer) {
    this.#always[route] = answer;
    return this;
  }

  /** Answers the next requests of a route in these ways, one each. */
  next(route, ...answers) {
    this.#once[route] = [...(this.#once[route] ?? []), ...answers];
    return this;
  }

  /** Keeps requests of a route waiting until `release()`. */
  hold(route) {
    let open;
    const opened = new Promise((resolve) => {
      open = resolve;
    });
    this.#held[route] = opened;
    return {
      release: () => {
        if (this.#held[route] === opened) delete this.#held[route];
        open();
      },
    };
  }

  /** Requests of a route so far. */
  of(route) {
    return this.exchanges.filter((exchange) => exchange.route === route);
  }

  /** How many requests came on each route. */
  get counts() {
    const counts = {};
    for (const { route } of this.exchanges) counts[route] = (counts[route] ?? 0) + 1;
    return counts;
  }

  /** Resolves with the requests of a route when there are `count` of them. */
  async arrival(route, count = 1) {
    const arrived = async () => {
      while (this.of(route).length < count) await once(this.#arrivals, route);
      return this.of(route);
    };
    return inTime(arrived(), `${count} ${route} request(s) arrive`);
  }

  /** A guest token that verifies. */
  sign(body = randomUUID(), key = this.signingKey) {
    return `${body}.${createHmac('sha256', key).update(body).digest('hex').slice(0, 16)}`;
  }

  /** A guest as the API answers it, with unknown fields. */
  guest(request = {}, changes = {}) {
    const number = ++this.#count.guest;
    return {
      guestId: `guest-${number}`,
      token: this.sign(`body-${number}`),
      expiresIn: 3600,
      refreshToken: `refresh-${number}`,
      email: request.email,
      consent: request.consent,
      channelId: request.channelId,
      createdDate: '2026-01-02T03:04:05.678Z',
      ...changes,
    };
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #receive(request, response) {
    const pieces = [];
    response.on('error', () => {});
    try {
      for await (const piece of request) pieces.push(piece);
    } catch {
      return;
    }
    const exchange = new Exchange(request, response, Buffer.concat(pieces));
    const { route } = exchange;
    this.exchanges.push(exchange);
    this.#arrivals.emit(route);
    await this.#held[route];
    const answer = this.#once[route]?.shift() ?? this.#always[route] ?? this.#usual(exchange);
    const given = typeof answer === 'function' ? await answer(exchange) : answer;
    if (given) exchange.respond(given);
  }

  #usual({ route, body }) {
    switch (route) {
      case 'token':
        return { body: { access_token: `access-${++this.#count.token}`, expires_in: 3600 } };
      case 'create':
        return { body: this.guest(JSON.parse(body)) };
      case 'refresh': {
        const number = ++this.#count.refresh;
        const refreshToken = `refreshed-${number}`;
        return { body: { token: this.sign(`fresh-${number}`), expiresIn: 3600, refreshToken } };
      }
      case 'attributes':
        return { body: {} };
      case 'channel':
        return { body: { status: 'active' } };
      case 'crm':
        return { body: { customerId: 'c-1', tier: 'gold', lastInteraction: '2025-12-31T00:00:00.000Z' } };
      case 'webhook':
        return { status: 204 };
      default:
        return { status: 404, body: { status: 404, code: 'not.found', message: 'no such path' } };
    }
  }
}
