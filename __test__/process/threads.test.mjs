// Threads may load the package, call it and end in any order: the process lives. Every order has processes of its own, because
// what counts is which thread comes first, and because a crash must hide nothing.

import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startSandbox } from 'genesys-guest-auth/testing';
import { start } from '../helpers/children.mjs';
import { root } from '../helpers/setup.mjs';
import { installed, node } from './runtimes.mjs';

const child = join(root, '__test__', 'process', 'threads-child.cjs');
const TIMES = 50;
const TIMES_ELSEWHERE = 5;
const ELSEWHERE = ['18', '22', '24'];

const PLACES = [
  ['main', 'a', 'b'],
  ['a', 'main', 'b'],
  ['a', 'b', 'main'],
];
const KINDS = ['only loads', 'calls', 'ends'];

/** The two workers are alike, so an order is the place of main among them and what becomes of each. */
const ORDERS = PLACES.flatMap((threads) =>
  KINDS.flatMap((a) => KINDS.map((b) => ({ name: `${threads.join(', ')}: a ${a}, b ${b}`, threads, kinds: { a, b } }))),
);

/** The steps of an order. How threads end, whether they have called by then, and whether main calls, change with `time`. */
function steps({ threads, kinds }, time) {
  const [isTerminated, hasCalled, mainOnlyLoads] = [1, 2, 4].map((bit) => (time & bit) !== 0);
  const byKind = {
    'only loads': ['load'],
    calls: ['load', 'call'],
    ends: ['load', ...(hasCalled ? ['call'] : []), isTerminated ? 'terminate' : 'end'],
  };
  const main = mainOnlyLoads ? ['load'] : ['load', 'call'];
  return threads.flatMap((thread) => (byKind[kinds[thread]] ?? main).map((action) => `${thread}.${action}`));
}

let sandbox;
before(async () => {
  sandbox = await startSandbox();
});
after(() => sandbox.close());

/** Takes all steps of each of `runs` in a process of its own, some at a time. */
async function takeAll(runs, program = process.execPath) {
  const env = { CONFIG: JSON.stringify(sandbox.config()) };
  const outcomes = [];
  const waiting = [...runs];
  const lane = async () => {
    for (let taken = waiting.pop(); taken !== undefined; taken = waiting.pop()) {
      const { code, signal, stdout, stderr } = await start(program, [child, ...taken], { env });
      outcomes.push({ taken: taken.join(' '), done: stdout.trim().replaceAll(/\s+/g, ' '), code, signal, stderr });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const isWell = ({ taken, done, code, signal, stderr }) =>
    taken === done && code === 0 && signal === null && stderr === '';
  assert.deepEqual(
    outcomes.filter((outcome) => !isWell(outcome)),
    [],
  );
  assert.equal(outcomes.length, runs.length);
}

const times = (count, order) => Array.from({ length: count }, (_, time) => steps(order, time));

describe(`the process lives, ${TIMES} times, with`, () => {
  for (const order of ORDERS) test(order.name, () => takeAll(times(TIMES, order)));
});

describe(`the process lives in every order, ${TIMES_ELSEWHERE} times, in`, () => {
  for (const version of ELSEWHERE) {
    test(`Node ${version}`, async (t) => {
      const program = await installed(t, `node-${version}`, node(version));
      if (program === undefined) return;
      await takeAll(
        ORDERS.flatMap((order) => times(TIMES_ELSEWHERE, order)),
        program,
      );
    });
  }
});

test('three workers that only load, one after another, do not end the process', async () => {
  await takeAll([['a', 'b', 'c'].flatMap((thread) => [`${thread}.load`, `${thread}.end`])]);
});
