// A process that stood still for longer than the server keeps unused connections, as a laptop's lid or a paused container
// makes it: when it goes on, it must not believe in them.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { run } from '../helpers/children.mjs';
import { folderFor } from '../helpers/places.mjs';
import { configOf, startDouble, until } from '../helpers/setup.mjs';

const ROUNDS = 8;
const CALLS = 16;

/** Each client in turn: 16 guests at once, how many were lost, and a wait for the next round that is spent awake. */
const CLIENT = `
  const fs = require('node:fs');
  const { Pool } = require('undici');
  const auth = new pkg.GuestAuthenticator({ ...config, auditLogCallback: () => {} });
  const pool = new Pool(config.environment, { connections: ${CALLS} });
  let number = 0;
  const clients = {
    package: () => auth.authenticateGuest(guest({ email: 'frozen-' + ++number + '@example.com' })),
    undici: async () => {
      const request = { method: 'POST', path: '/api/v2/engagements/guests', body: JSON.stringify(guest()) };
      await (await pool.request(request)).body.json();
    },
  };
  (async () => {
    for (const [name, call] of Object.entries(clients)) {
      for (let round = 0; round < ${ROUNDS}; round++) {
        const calls = await Promise.allSettled(Array.from({ length: ${CALLS} }, call));
        const lost = calls.filter(({ status }) => status === 'rejected').length;
        fs.writeSync(1, JSON.stringify({ name, lost }) + '\\n');
        // It is stopped in here; then the calls come before anything else.
        while (!fs.existsSync(config.signal));
        fs.unlinkSync(config.signal);
      }
    }
    await Promise.all([auth.close(), pool.close()]);
  })();
`;

/** Stops a process, and resolves when it stands still. */
async function freeze(child) {
  child.kill('SIGSTOP');
  const isStopped = () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/.*\) /s, '').startsWith('T');
  await until(isStopped, 'the process stands still');
}

test('a process that stood still loses no guest', { skip: !existsSync('/proc/self/stat') }, async (t) => {
  const double = await startDouble(t);
  const signal = join(folderFor(t, 'frozen'), 'go');
  const lost = { package: 0, undici: 0 };
  const { stderr } = await run(CLIENT, {
    config: { ...configOf(double), signal },
    onStart: async (child) => {
      for await (const line of createInterface({ input: child.stdout })) {
        const told = JSON.parse(line);
        lost[told.name] += told.lost;
        await freeze(child);
        // As it does with those that nobody has used for its time.
        for (const socket of double.sockets) socket.destroy();
        writeFileSync(signal, '');
        child.kill('SIGCONT');
      }
    },
  });
  assert.equal(stderr, '');
  t.diagnostic(JSON.stringify(lost));
  assert.equal(lost.package, 0);
  assert.ok(double.of('create').length >= ROUNDS * CALLS);
});
