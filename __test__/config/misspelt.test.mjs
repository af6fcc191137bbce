// Options that are none: passed over, and told of once where something else was probably meant.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { configOf, pkg, startDouble, warningsOf } from '../helpers/setup.mjs';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The warnings of what `make` makes. */
async function complaints(t, make) {
  const warnings = warningsOf(t);
  make();
  await turn();
  for (const warning of warnings) {
    assert.deepEqual([warning.name, warning.code], ['GenesysGuestAuthWarning', 'CONFIG_OPTION']);
  }
  return warnings.map(({ message }) => message);
}

const good = { environment: 'acme', clientId: 'id', clientSecret: 'secret' };

test('a near miss is told of once in a process, whatever class it is given to', async (t) => {
  const config = { ...good, crmBaseURL: 'https://crm.example/?secret', timeout: 5, timeouts: { totalMS: 1 } };
  const expected = [
    'crmBaseURL is no option; did you mean crmBaseUrl?',
    'timeout is no option; did you mean timeouts?',
    'timeouts.totalMS is no option; did you mean timeouts.totalMs?',
  ];
  assert.deepEqual(await complaints(t, () => new pkg.GuestAuthenticator(config)), expected);
  const again = () => {
    new pkg.GuestAuthenticator(config);
    new pkg.OAuthManager(config);
    new pkg.GuestTokenManager('acme', async () => 'token', { timeout: 5 });
  };
  assert.deepEqual(await complaints(t, again), []);
});

test('a near miss is told of where the option that was meant is missing', async (t) => {
  const { clientId, ...rest } = good;
  const make = () => assert.throws(() => new pkg.OAuthManager({ ...rest, clientID: clientId }), /clientId is required/);
  assert.deepEqual(await complaints(t, make), ['clientID is no option; did you mean clientId?']);
});

test('what is misspelt in a group has no effect, and is told of', async (t) => {
  const double = await startDouble(t);
  const make = () => {
    const options = { outbox: { file: 'x' }, paths: { tokne: '/elsewhere' } };
    const auth = new pkg.GuestAuthenticator({ ...configOf(double), ...options });
    t.after(() => auth.close());
    return auth;
  };
  let auth;
  const said = await complaints(t, () => {
    auth = make();
  });
  assert.deepEqual(said, [
    'paths.tokne is no option; did you mean paths.token?',
    'outbox.file is no option; there are path, lingerMs, retryDelaysMs, maxAgeMs, maxEvents, maxBytes',
  ]);
  await auth.getAccessToken();
  assert.equal(double.of('token').length, 1);
});

test('what belongs to other parts of a service is passed over in silence', async (t) => {
  const failing = new Proxy(good, {
    ownKeys() {
      throw new RangeError('out of reach');
    },
  });
  const others = {
    port: 8080,
    logger: console,
    redis: {},
    big: 1n,
    '\ud800': 1,
    'client-id\n': 1,
    [Symbol('clientID')]: 1,
  };
  const make = () => {
    new pkg.OAuthManager({ ...good, ...others });
    new pkg.OAuthManager(Object.create({ ...good, ...others }));
    new pkg.OAuthManager(failing);
  };
  assert.deepEqual(await complaints(t, make), []);
});

test('nothing is told of what stands on Object.prototype', async () => {
  const script = `
    Object.prototype.clientID = 'x';
    new pkg.OAuthManager(config);
  `;
  const { stderr } = await run(script, { config: good });
  assert.equal(stderr, '');
});

test('a process is told once, whichever of its threads misspells', async () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    new pkg.OAuthManager(config);
    const source = 'const { workerData } = require("node:worker_threads");' +
      'new (require(workerData.root).OAuthManager)(workerData.config);';
    new Worker(source, { eval: true, workerData: { config, root: process.env.PACKAGE_ROOT } });
  `;
  const { stderr } = await run(script, { config: { ...good, maxRetry: 1 } });
  assert.equal(stderr.match(/maxRetry is no option/g)?.length, 1, stderr);
});
