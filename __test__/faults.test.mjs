// Every fault at every endpoint: `faults/table.mjs` says what must come of it, `docs/faults.md` is made from the same.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { document, written } from './faults/document.mjs';
import { ENDPOINTS } from './faults/endpoints.mjs';
import { FAULTS } from './faults/faults.mjs';
import { Pool } from './faults/pool.mjs';
import { play } from './faults/runner.mjs';
import { TABLE } from './faults/table.mjs';
import './faults/sequences.mjs';
import './faults/rate-limit.mjs';

/** Most cells wait most of the time. */
const AT_ONCE = 12;

describe('the fault table', { concurrency: AT_ONCE }, () => {
  let pool;
  before(async () => {
    pool = await Pool.start(AT_ONCE);
  });
  after(() => pool.close());

  for (const [endpoint, cells] of Object.entries(TABLE)) {
    describe(ENDPOINTS[endpoint].title, { concurrency: AT_ONCE }, () => {
      for (const [fault, cell] of cells) {
        test(FAULTS[fault].title, async () => {
          await pool.with((sandbox) => play(sandbox, endpoint, fault, 'stays', cell.stays));
          await pool.with((sandbox) => play(sandbox, endpoint, fault, 'once', cell.once));
        });
      }
    });
  }
});

test('docs/faults.md says what the table says', async () => {
  assert.ok((await written()) === document(), 'write it again: node __test__/faults/document.mjs');
});
