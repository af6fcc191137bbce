// `genesys-guest-auth/testing`: the sandbox as a JavaScript test uses it.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const library = join(here, '..', '..', 'lib', 'testing');
const { startSandbox } = require(library);
const { binary } = require(join(library, 'binary.js'));

/** One request; resolves with status, headers, text and JSON. */
function send(method, url, { headers = {}, body, ca } = {}) {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const type = typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json';
    const options = { method, ca, agent: false, headers: { ...(body && { 'content-type': type }), ...headers } };
    const request = (url.startsWith('https:') ? https : http).request(url, options, (response) => {
      let answer = '';
      response.setEncoding('utf8').on('error', reject);
      response.on('data', (part) => {
        answer += part;
      });
      response.on('end', () => {
        const { statusCode: status, headers } = response;
        const isJson = headers['content-type'] === 'application/json' && answer !== '';
        resolve({ status, headers, text: answer, json: isJson ? JSON.parse(answer) : undefined });
      });
    });
    request.on('error', reject);
    request.end(text);
  });
}

async function signIn({ login, ca }) {
  const body = 'grant_type=client_credentials&client_id=a&client_secret=b&scope=guest%3Awrite';
  const { json } = await send('POST', `${login}/oauth/token`, { body, ca });
  return json.access_token;
}

function createGuest({ api, ca }, token, email = 'ada@example.org') {
  const headers = { authorization: `Bearer ${token}` };
  const body = { email, consent: true, channelId: 'web' };
  return send('POST', `${api}/api/v2/engagements/guests`, { headers, body, ca });
}

/** Runs a program of its own; resolves when it has ended. */
function run(code, env = {}) {
  const options = { env: { ...process.env, ...env }, timeout: 20_000 };
  return promisify(execFile)(process.execPath, ['-e', `const library = ${JSON.stringify(library)};\n${code}`], options);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    // A process that has ended stays in the table until whoever inherited it asks for its exit code.
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function ended(pid) {
  for (let wait = 0; wait < 200 && isAlive(pid); wait++) await new Promise((resolve) => setTimeout(resolve, 25));
  return !isAlive(pid);
}

describe('a sandbox', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  beforeEach(() => sandbox.reset());
  after(() => sandbox.close());

  test('has the addresses of everything, and a configuration with them', () => {
    const { url } = sandbox;
    const messaging = `${url.replace('http', 'ws')}/v1`;
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      { ...sandbox },
      {
        url,
        login: url,
        api: url,
        crm: `${url}/crm`,
        webhook: `${url}/webhook`,
        messaging,
        cdn: url,
        pid: sandbox.pid,
      },
    );
    assert.deepEqual(sandbox.config({ maxRetries: 0, clientId: 'me' }), {
      environment: url,
      clientId: 'me',
      clientSecret: 'sandbox-secret',
      crmBaseUrl: `${url}/crm`,
      analyticsWebhookUrl: `${url}/webhook`,
      maxRetries: 0,
    });
  });

  test('plays Genesys Cloud, the CRM and the webhook, and remembers it', async () => {
    const token = await signIn(sandbox);
    const { status, json: guest } = await createGuest(sandbox, token);
    assert.equal(status, 200);
    assert.equal((await send('GET', `${sandbox.crm}/profiles?email=ada@example.org`)).status, 200);
    const event = { body: { guestId: guest.guestId }, headers: { 'webhook-id': 'msg_1' } };
    assert.equal((await send('POST', sandbox.webhook, event)).status, 204);

    const state = await sandbox.state();
    assert.deepEqual([state.liveGuests, state.tokensIssued, state.webhookReceived], [1, 1, 1]);
    assert.equal(state.guests[0].guestId, guest.guestId);
    assert.deepEqual(state.webhookEvents[0].json, { guestId: guest.guestId });
    assert.equal(state.webhookEvents[0].id, 'msg_1');

    const log = await sandbox.log();
    assert.deepEqual(
      log.map((entry) => entry.route),
      ['token', 'create', 'crm', 'webhook'],
    );
    assert.equal(log[1].headers.authorization, `Bearer ${token}`);
    assert.equal((await sandbox.log({ route: 'crm', limit: 1 }))[0].query, 'email=ada@example.org');
    const counts = await sandbox.counts();
    assert.deepEqual([counts.total, counts.routes.create.byStatus], [4, { 200: 1 }]);
    assert.equal(counts.connections.opened, 4, 'its own connections are not counted');

    await sandbox.clearLog();
    await sandbox.clearCounts();
    await sandbox.logging(false);
    await signIn(sandbox);
    assert.deepEqual([(await sandbox.log()).length, (await sandbox.counts()).total], [0, 1]);
  });

  test('fails as scripted', async () => {
    assert.equal(await sandbox.fault({ route: 'crm', status: 503, headers: { 'Retry-After': 2, 'x-none': null } }), 1);
    assert.deepEqual(await sandbox.fault({ route: 'crm', drop: 'before' }, { route: '*', body: { odd: 1 } }), [2, 3]);
    const ask = () => send('GET', `${sandbox.crm}/profiles?email=a@b.example`);
    const first = await ask();
    assert.deepEqual([first.status, first.headers['retry-after']], [503, '2']);
    await assert.rejects(ask(), { code: 'ECONNRESET' });
    assert.deepEqual((await ask()).json, { odd: 1 });
    assert.equal((await ask()).status, 200);
    assert.deepEqual(
      (await sandbox.faults()).map((fault) => fault.applied),
      [1, 1, 1],
    );
    await sandbox.clearFaults(2);
    await sandbox.clearFaults();
    assert.deepEqual(await sandbox.faults(), []);
    await assert.rejects(sandbox.fault({ route: 'nowhere' }), /refused POST faults: no route is called "nowhere"/);
  });

  test('limits and delays', async () => {
    const ask = () => send('GET', `${sandbox.crm}/profiles?email=a@b.example`);
    await sandbox.limit({ route: 'crm', rate: 0.01, burst: 1, retryAfter: '1.5' });
    assert.equal((await ask()).status, 200);
    const refused = await ask();
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1.5']);
    await sandbox.clearLimits('crm');
    await sandbox.latency({ crm: 30 });
    const start = performance.now();
    assert.equal((await ask()).status, 200);
    assert.ok(performance.now() - start >= 29);
    await sandbox.latency(0);
  });

  test('ends tokens and guests, and changes its settings', async () => {
    const token = await signIn(sandbox);
    const { json: guest } = await createGuest(sandbox, token);
    assert.equal((await createGuest(sandbox, token)).status, 409);
    assert.equal(await sandbox.endGuests(guest.guestId), 1);
    await sandbox.settings({ answerExtra: '{"big":12345678901234567890}', reportedExpiresIn: 'omit' });
    const again = await createGuest(sandbox, token);
    assert.match(again.text, /"big":12345678901234567890}$/);
    assert.ok(!('expiresIn' in again.json));
    assert.equal(await sandbox.revokeTokens(token), 1);
    assert.equal((await createGuest(sandbox, token, 'bob@example.org')).json.code, 'bad.credentials');
    assert.deepEqual([await sandbox.revokeTokens(), await sandbox.endGuests()], [0, 1]);
    await sandbox.profiles({ 'nocrm@example.org': { tier: 'gold' } });
    assert.deepEqual((await send('GET', `${sandbox.crm}/profiles?email=nocrm@example.org`)).json, { tier: 'gold' });
    await assert.rejects(sandbox.settings({ expiresin: 1 }), /expiresin/);
  });
});

test('options become arguments, and a configuration that fits them', async () => {
  const options = {
    tls: true,
    clientId: '-me',
    clientSecret: 's=1',
    environment: 'acme',
    expiresIn: 5,
    conflicts: false,
  };
  const sandbox = await startSandbox(options);
  try {
    const { settings } = await sandbox.state();
    const { clientId, clientSecret, environment, expiresIn, conflicts } = settings;
    assert.deepEqual({ tls: true, clientId, clientSecret, environment, expiresIn, conflicts }, options);
    const config = sandbox.config();
    assert.match(config.ca, /^-----BEGIN CERTIFICATE-----/);
    assert.deepEqual([config.clientId, config.tokenSigningKey], ['-me', 'acme-guest-signing-key']);
    assert.equal((await send('GET', `${sandbox.url}/x`, { ca: sandbox.ca })).status, 404);
    await assert.rejects(send('GET', `${sandbox.url}/x`), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  } finally {
    await sandbox.close();
  }
  await sandbox.close();
});

test('a start that fails says why', async () => {
  await assert.rejects(startSandbox({ prot: 1 }), { name: 'TypeError', message: 'startSandbox has no option prot' });
  await assert.rejects(
    startSandbox({ port: 'x' }),
    /did not start: it ended with code 2\nsandbox: --port cannot be "x"/,
  );
  await assert.rejects(startSandbox({ binary: join(here, 'nothing-here') }), /did not start: spawn .* ENOENT/);
  const missing = await run(
    'try { require(library).startSandbox().catch((error) => console.log(error.message)); } catch {}',
    { GENESYS_GUEST_AUTH_SANDBOX: join(here, 'nothing-here') },
  );
  assert.match(missing.stdout, /GENESYS_GUEST_AUTH_SANDBOX names .*nothing-here, but there is no such file/);
});

test('a sandbox holds no process alive and ends with it', async () => {
  const code = 'require(library).startSandbox().then(async (s) => { await s.counts(); console.log(s.pid); });';
  const { stdout } = await run(code, { GENESYS_GUEST_AUTH_SANDBOX: binary() });
  assert.ok(await ended(Number(stdout)));
});

test('a sandbox ends with a process that is killed', async () => {
  const code = `require(${JSON.stringify(library)}).startSandbox().then((s) => { console.log(s.pid); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise((resolve) => child.stdout.once('data', resolve)));
  assert.ok(isAlive(pid));
  child.kill('SIGKILL');
  assert.ok(await ended(pid));
});

test('closing waits for the end, and disposing closes', async () => {
  const sandbox = await startSandbox();
  await sandbox[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]();
  assert.ok(!isAlive(sandbox.pid));
  await assert.rejects(sandbox.counts(), { code: 'ECONNREFUSED' });
});
