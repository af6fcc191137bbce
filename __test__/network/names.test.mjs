// From a name to a connection: names with several addresses of which some are silent, names whose look-up takes for ever.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { silence } from '../helpers/fronts/silence.mjs';
import { needsSurroundings, surroundings } from '../helpers/fronts/surroundings.mjs';
import { configOf, startDouble } from '../helpers/setup.mjs';

/** So many guests at once; what became of them and of their profiles. */
const GUESTS = (count) => `
  const auth = new pkg.GuestAuthenticator({ ...config, allowInsecureHttp: true, auditLogCallback: () => {} });
  const one = (_, i) => auth.authenticateGuest(guest({ email: 'guest-' + i + '@example.com' }));
  Promise.allSettled(Array.from({ length: ${count} }, one)).then((calls) => {
    const errors = calls.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message);
    const { crmFailures, retries } = auth.metrics();
    console.log(JSON.stringify({ errors, crmFailures, retries }));
    process.exit();
  });
`;

async function authenticate(count, config, around, warning = /^$/) {
  const { stdout, stderr } = await run(GUESTS(count), { config, env: around.env });
  assert.match(stderr, warning);
  return JSON.parse(stdout);
}

/** The double's configuration with other names for it. */
function named(double, { login, crm }) {
  const at = (host, path = '') => `http://${host}:${new URL(double.url).port}${path}`;
  return {
    ...configOf(double),
    environment: at(login),
    crmBaseUrl: at(crm, '/crm'),
    tokenSigningKey: double.signingKey,
  };
}

describe('a name with several addresses', { ...needsSurroundings, concurrency: true }, () => {
  const cases = {
    'the first of two': ['127.0.0.2', '127.0.0.1'],
    'the first two of three': ['127.0.0.2', '127.0.0.3', '127.0.0.1'],
    'the second': ['127.0.0.1', '127.0.0.2'],
  };
  for (const [what, addresses] of Object.entries(cases)) {
    test(`is reached when ${what} is silent, and so is the CRM's`, async (t) => {
      const double = await startDouble(t);
      const { port } = new URL(double.url);
      for (const address of addresses.filter((one) => one !== '127.0.0.1')) await silence(t, address, port);
      const around = surroundings(t, { 'api.test': addresses, 'crm.test': addresses });
      const outcome = await authenticate(2, named(double, { login: 'api.test', crm: 'crm.test' }), around);
      assert.deepEqual(outcome, { errors: [], crmFailures: 0, retries: 0 });
      assert.equal(double.of('crm').length, 2);
    });
  }

  test('is reached when one refuses', async (t) => {
    const double = await startDouble(t);
    const around = surroundings(t, { 'api.test': ['127.0.0.2', '::1', '127.0.0.1'] });
    const outcome = await authenticate(2, named(double, { login: 'api.test', crm: 'api.test' }), around);
    assert.deepEqual(outcome, { errors: [], crmFailures: 0, retries: 0 });
  });
});

describe('a look-up that takes for ever', { ...needsSurroundings, concurrency: true }, () => {
  const CALLS = 64;
  const names = { 'api.test': '127.0.0.1', 'slow.test': '127.0.0.1' };

  /** Every request needs a connection, and every connection a look-up. */
  async function start(t) {
    const double = await startDouble(t);
    const once = (body) => ({ headers: { Connection: 'close' }, body });
    double.always('create', ({ json }) => once(double.guest(json)));
    return { double, around: surroundings(t, names, ['slow.test']) };
  }

  test("of the CRM's name costs the profiles and nothing else", async (t) => {
    const { double, around } = await start(t);
    const config = named(double, { login: 'api.test', crm: 'slow.test' });
    const timeouts = { crmMs: 500, guestMs: 5000, oauthMs: 5000 };
    const warning = /^\(node:\d+\) \[CRM_UNAVAILABLE\] .* slow\.test:\d+ /;
    const outcome = await authenticate(CALLS, { ...config, timeouts }, around, warning);
    assert.deepEqual(outcome, { errors: [], crmFailures: CALLS, retries: 0 });
    const lookUps = around.seen().filter((line) => line === 'lookup slow.test');
    assert.equal(lookUps.length, 1, 'calls share it');
  });

  test("of the API's name costs its calls their own limit, and no profile", async (t) => {
    const { double, around } = await start(t);
    const config = {
      ...named(double, { login: 'api.test', crm: 'api.test' }),
      maxRetries: 0,
      timeouts: { connectMs: 500 },
    };
    const { port } = new URL(double.url);
    const outcome = await authenticate(4, { ...config, apiUrl: `http://slow.test:${port}` }, around);
    assert.deepEqual([outcome.errors.length, outcome.crmFailures], [4, 0]);
    for (const message of outcome.errors) assert.match(message, /^Guest creation .*slow\.test/);
    assert.equal(double.of('crm').length, 4);
  });
});
