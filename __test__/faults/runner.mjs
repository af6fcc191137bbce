// Plays one cell of the table: an instance of its own against a sandbox of its own, and afterwards a look at everything
// that could have been left behind.

import assert from 'node:assert/strict';
import { guest, pkg, until } from '../helpers/setup.mjs';
import { ENDPOINTS } from './endpoints.mjs';
import { FAULTS, MAX_RETRY_AFTER_MS } from './faults.mjs';
import { ca, Front } from './front.mjs';

/** Limit of an exchange that never ends by itself. */
const SLOW_LIMIT_MS = 400;

/** The outbox takes a minute for its five attempts, unless the server asks for less: the second shows that it tries. */
const DELIVERIES_AWAITED = 2;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const CLASSES = Object.fromEntries(
  Object.values(pkg)
    .filter((value) => typeof value === 'function' && value.code !== undefined)
    .map((Class) => [Class.code, Class]),
);

/** What the package has warned of. */
const warnings = [];
process.on('warning', ({ code, message }) => {
  if (code === 'ANALYTICS_UNDELIVERED') warnings.push(message);
});

const settled = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error }),
  );

/** What a promise came to, in a word. */
async function verdict(promise) {
  const { error } = await settled(promise);
  return error === undefined ? 'ok' : (error.code ?? error);
}

/** @param mode `stays` or `once` @param [proxy] between the instance and everything else */
export async function play(sandbox, endpoint, fault, mode, outcome, proxy) {
  const run = await Run.prepare(sandbox, endpoint, fault, mode, proxy);
  try {
    await run.strike();
    const result = await run.call();
    run.checkResult(result, outcome);
    await run.checkDelivery(outcome);
    await run.checkServer(outcome);
    await run.checkAudit(result, outcome);
    await run.checkAfterwards(outcome);
  } finally {
    await run.end();
  }
  await run.checkLeaks();
}

class Run {
  #audits = [];

  static async prepare(sandbox, endpoint, fault, mode, proxy) {
    const run = new Run();
    Object.assign(run, { sandbox, proxy, endpoint, mode, fault: FAULTS[fault], place: ENDPOINTS[endpoint] });
    const { front } = run.fault;
    if (front !== undefined) run.front = await new Front(sandbox.url, { http2: front === 'goodbye' }).listen();
    run.payload = guest({ email: `${endpoint}-${fault}-${mode}@example.com` });
    if (endpoint === 'refresh') run.refreshToken = await run.#aGuest();
    run.auth = new pkg.GuestAuthenticator(run.#config());
    return run;
  }

  #config() {
    const config = this.#directConfig();
    return this.proxy ? throughProxy(config, this.proxy) : config;
  }

  #directConfig() {
    const { sandbox, place, front, fault } = this;
    return {
      ...sandbox.config({ crmBaseUrl: undefined, analyticsWebhookUrl: undefined }),
      retryBaseDelayMs: 5,
      retryMaxDelayMs: 5,
      maxRetryAfterMs: MAX_RETRY_AFTER_MS,
      auditLogCallback: (record) => this.#audits.push(record),
      ...place.config?.(sandbox),
      ...(front && { ...place.through(front.url), ca: [ca, sandbox.ca ?? []].flat() }),
      ...(fault.slow && { timeouts: { [place.limit]: SLOW_LIMIT_MS } }),
      // Enough attempts to see the port open again.
      ...(this.isBriefRefusal && { maxRetries: 20, retryMaxDelayMs: 100 }),
    };
  }

  /** Somebody who was here before, of whom the instance under test knows nothing. */
  async #aGuest() {
    const config = this.sandbox.config({ crmBaseUrl: undefined, analyticsWebhookUrl: undefined });
    const other = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
    const { guestData } = await other.authenticateGuest(this.payload);
    await other.close();
    return guestData.refreshToken;
  }

  get isBriefRefusal() {
    return this.fault.front === 'refused' && this.mode === 'once';
  }

  /** From now on the fault is there. */
  async strike() {
    const { sandbox, endpoint, fault, front, place } = this;
    await sandbox.clearLog();
    this.guestsBefore = (await sandbox.state({ limit: 0 })).guestsCreated;
    const count = this.mode === 'once' ? 1 : undefined;
    if (fault.front === 'goodbye') front.sayGoodbye(count);
    else if (front) front.arm(fault.front, count, place.after);
    else await sandbox.fault({ ...fault.script(endpoint, sandbox.url), route: endpoint, count: count ?? null });
  }

  async call() {
    const result = settled(this.place.call(this.auth, this));
    if (this.isBriefRefusal && this.endpoint !== 'crm') {
      if (this.endpoint === 'webhook') await result;
      else await until(() => this.auth.metrics().retries > 0, 'a refused connection is tried again');
      await this.front.disarm();
    }
    return result;
  }

  checkResult({ error, value }, outcome) {
    const { code } = outcome;
    if (code === undefined) {
      assert.equal(error, undefined);
      assert.ok(value);
      return;
    }
    assert.ok(error, 'the call succeeded');
    assert.equal(error.code, code, error);
    assert.equal(error.constructor, CLASSES[code]);
    const { attempts, retryable } = error;
    assert.deepEqual(
      { attempts, retryable },
      { attempts: outcome.attempts, retryable: outcome.retryable },
      error.message,
    );
    assert.equal(error.status, this.#expectedStatus(code), error.message);
    if (error.status !== undefined && code !== 'SIGNATURE_INVALID') assert.match(error.correlationId, UUID);
    if (error.status === this.fault.status) assert.equal(error.retryAfterMs, this.#expectedWait(error));
    if (this.endpoint !== 'token') assert.match(error.requestId, UUID);
  }

  #expectedStatus(code) {
    if (['NETWORK', 'TIMEOUT', 'CHANNEL_UNAVAILABLE'].includes(code)) return undefined;
    return code === 'CONFLICT' ? 409 : (this.fault.status ?? 200);
  }

  /** A date is as far away as the clock says. */
  #expectedWait(error) {
    return this.fault.title.includes('date') ? error.retryAfterMs : this.fault.retryAfterMs;
  }

  /** What was seen on the wire. */
  async checkServer(outcome) {
    const { sandbox, endpoint } = this;
    const log = await sandbox.log();
    const of = (route) => log.filter((entry) => entry.route === route);
    const here = of(endpoint);
    const least = this.givesUpLate(outcome) ? DELIVERIES_AWAITED : outcome.requests;
    assert.ok(here.length >= least && here.length <= outcome.requests, `${here.length} requests`);
    if (endpoint !== 'token') {
      const tokens = outcome.tokens ?? 1;
      assert.equal(of('token').length, tokens, 'token requests');
    }
    assert.equal(of('unknown').length, 0, 'a redirect was followed');
    for (const { headers } of [...of('crm'), ...of('webhook'), ...of('token')]) {
      assert.equal(headers.authorization, undefined, 'a bearer token went elsewhere');
    }
    const ids = new Set(log.map(({ headers }) => headers['x-genesys-request-id']).filter(Boolean));
    assert.ok(ids.size <= 1, 'one request id for one call');
    const { guestsCreated } = await sandbox.state({ limit: 0 });
    const created = guestsCreated - this.guestsBefore;
    const wanted = outcome.code === undefined && endpoint !== 'refresh' ? 1 : 0;
    assert.ok(created === wanted || (endpoint === 'create' && created <= 1), `${created} guests`);
    if (endpoint !== 'create') assert.equal(of('create').length, wanted, 'creation requests');
  }

  async checkAudit(result, { code, enrichment, crmFailures = 0 }) {
    const { auth } = this;
    const metrics = auth.metrics();
    assert.equal(metrics.crmFailures, crmFailures, 'counted CRM failures');
    assert.equal(metrics.crmUnavailable, enrichment === 'unavailable' ? 1 : 0, 'a CRM without an answer');
    if (this.endpoint === 'refresh') return;
    assert.equal(auth.metrics().liveSessions, code === undefined ? 1 : 0, 'sessions and reservations');
    await until(() => this.#audits.length > 0, 'the audit record comes');
    const [record, ...more] = this.#audits;
    assert.deepEqual(more, []);
    if (code === undefined) {
      assert.equal(record.event, 'guest.authentication');
      assert.equal(record.enrichment, enrichment, 'enrichment');
      assert.equal(auth.metrics().enrichmentFailures, enrichment === 'failed' ? 1 : 0);
    } else {
      assert.equal(record.event, 'guest.authentication.failed');
      assert.deepEqual([record.code, record.status], [code, result.error.status]);
    }
  }

  /** Whether the outbox takes longer for its last attempt than a test can wait. */
  givesUpLate({ delivery, requests }) {
    return delivery === 'given up' && requests > 1 && this.fault.retryAfterMs !== 1000;
  }

  /** Follows an analytics event until it is clear what becomes of it. */
  async checkDelivery(outcome) {
    if (outcome.delivery === undefined) return;
    const analytics = () => this.auth.metrics().analytics;
    if (outcome.requests === 0) {
      await until(() => this.front.hits > 0 || this.fault.front === 'refused', 'the connection is tried');
      assert.equal(analytics().pending, 1);
    } else if (this.givesUpLate(outcome)) {
      const seen = async () => (await this.sandbox.counts()).routes.webhook.total;
      await until(async () => (await seen()) >= DELIVERIES_AWAITED, 'the event is sent again');
    } else {
      await until(() => analytics().pending === 0, 'the event is delivered or given up');
      const delivered = outcome.delivery === 'delivered' ? 1 : 0;
      assert.deepEqual(analytics(), { pending: 0, delivered, failed: 1 - delivered });
      const [{ headers }] = await this.sandbox.log({ route: 'webhook' });
      const told = () => warnings.some((message) => message.includes(headers['webhook-id']));
      if (delivered === 0) await until(told, 'a warning names the event');
      else assert.ok(!told());
    }
  }

  /** The fault is over. */
  async checkAfterwards({ again }) {
    await this.sandbox.clearFaults();
    await this.front?.disarm();
    assert.equal(await verdict(this.place.call(this.auth, this)), again, 'the same call again');
    const other = guest({ channelId: 'another' });
    assert.equal(await verdict(this.auth.authenticateGuest(other)), 'ok', 'another guest');
  }

  async end() {
    await this.auth.close({ timeoutMs: this.endpoint === 'webhook' ? 0 : 10_000 });
  }

  /** After `close()` the server has nothing to do any more, and nobody on the line. */
  async checkLeaks() {
    const { sandbox, front } = this;
    const busy = async () => {
      const { connections, routes } = await sandbox.counts();
      const running = Object.values(routes).reduce((sum, { inFlight }) => sum + inFlight, 0);
      return { connections: connections.open, running, throughFront: front?.sockets.size ?? 0 };
    };
    const nothing = { connections: 0, running: 0, throughFront: 0 };
    const limit = performance.now() + 3000;
    let left = await busy();
    while (performance.now() < limit && Object.values(left).some((count) => count > 0)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      left = await busy();
    }
    await front?.close();
    assert.deepEqual(left, nothing, 'left behind after close()');
  }
}

/** What goes to a loopback address never goes through a proxy: the hosts get names, which the proxy alone knows. */
function throughProxy({ environment, ...config }, proxy) {
  const named = Object.entries({ loginUrl: environment, apiUrl: environment, ...config }).map(([field, value]) => [
    field,
    typeof value === 'string' ? value.replace(/^(https?:\/\/)127\.0\.0\.1(?=[:/])/, '$1guest.test') : value,
  ]);
  return { ...Object.fromEntries(named), environment, allowInsecureHttp: true, proxy: proxy.url };
}
