// Every fault at every endpoint: `faults/table.mjs` says what must come of it, `docs/faults.md` is made from the same.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { document, written } from './document.mjs';
import { ENDPOINTS } from './endpoints.mjs';
import { FAULTS } from './faults.mjs';
import { Pool } from './pool.mjs';
import { ForwardProxy } from './proxy.mjs';
import { play } from './runner.mjs';
import { TABLE } from './table.mjs';

/** Most cells wait most of the time. */
const AT_ONCE = 12;

/** Plays the cells of some endpoints with sandboxes of one kind. */
function suite(name, endpoints, { options = {}, throughProxy = false, applies = () => true } = {}) {
  describe(name, { concurrency: AT_ONCE }, () => {
    let pool;
    let proxy;
    before(async () => {
      pool = await Pool.start(AT_ONCE, options);
      if (throughProxy) proxy = await ForwardProxy.start();
    });
    after(async () => {
      await pool.close();
      if (proxy) assert.ok(proxy.passed > 0, 'nothing went through the proxy');
      proxy?.close();
    });

    for (const endpoint of endpoints) {
      describe(ENDPOINTS[endpoint].title, { concurrency: AT_ONCE }, () => {
        for (const [fault, cell] of TABLE[endpoint].filter(([name]) => applies(name))) {
          test(FAULTS[fault].title, async () => {
            await pool.with((sandbox) => play(sandbox, endpoint, fault, 'stays', cell.stays, proxy));
            await pool.with((sandbox) => play(sandbox, endpoint, fault, 'once', cell.once, proxy));
          });
        }
      });
    }
  });
}

suite('the fault table', Object.keys(TABLE));

// Another transport each, for the call where a mistake costs most. A front speaks TLS already; and HTTP/2 itself objects to
// a body that is longer than announced.
suite('over HTTP/2', ['create'], {
  options: { tls: true },
  applies: (fault) => FAULTS[fault].front === undefined && fault !== 'length-short',
});
suite('through a proxy', ['create'], { throughProxy: true });

test('docs/faults.md says what the table says', async () => {
  assert.ok((await written()) === document(), 'write it again: node __test__/faults/document.mjs');
});
