// The package in the place of the tutorial's service: the same scenarios through both, against one sandbox. Requests,
// results, error texts and audit records are the same, but for the differences that the second half asserts one by one.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fields, outcome, plain, requests } from './compare.mjs';
import { scenarios } from './scenarios.mjs';
import { packageSubject, quietly, startSandbox, tutorialSubject } from './subjects.mjs';

describe('the same as the tutorial', () => {
  let sandbox;
  before(async () => {
    sandbox = await startSandbox();
  });
  after(() => sandbox.close());

  /** Everything that can be seen of a scenario. */
  async function play(makeSubject, { before: prepare, calls }) {
    await sandbox.reset();
    await prepare?.(sandbox);
    const subject = makeSubject(sandbox);
    const outcomes = [];
    await quietly(() => calls(subject, async (call) => outcomes.push(await outcome(call)), sandbox));
    await subject.settle();
    const log = await sandbox.log();
    await subject.close();
    return { outcomes, audits: subject.audits, written: subject.written, routes: requests(log) };
  }

  for (const [name, scenario] of Object.entries(scenarios)) {
    test(name, async () => {
      const theirs = await play(tutorialSubject, scenario);
      const ours = await play(packageSubject, scenario);
      assert.deepEqual(ours.outcomes, theirs.outcomes);

      // The tutorial writes to the console what the package PUTs.
      const { attributes: puts = [], ...routes } = ours.routes;
      // Nor does the profile wait for the guest: the package has asked for it when a guest is refused.
      if (!theirs.routes.crm) delete routes.crm;
      // A refresh has a number here as well.
      for (const request of routes.refresh ?? []) request.id = undefined;
      assert.deepEqual(routes, theirs.routes);
      if (scenario.placeholder !== false) {
        const bodies = theirs.written.map(({ attributes }) => plain({ attributes }));
        assert.deepEqual(
          puts.map(({ body }) => body),
          bodies,
        );
      }

      // Failures and ended sessions leave records here alone.
      const records = ours.audits.filter(({ event }) => event === 'guest.authentication');
      assert.deepEqual(
        records.map((record, i) => fields(record, theirs.audits[i])),
        theirs.audits.map((record) => plain({ ...record, complianceFlags: truthful(record) })),
      );
    });
  }

  /** The flags that the package sets for a full address. */
  const truthful = ({ complianceFlags }) => ({ ...complianceFlags, dataMinimizationApplied: false });
});
