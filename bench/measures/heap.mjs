// What an authentication allocates on the JavaScript heap.
//
// The process runs with a young generation that is larger than all that is allocated, so that nothing is collected
// and the heap's growth is what was allocated, garbage included. Buffers outside of the heap are not in it.

import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';
import { nextGuest } from '../lib/load.mjs';
import { openVariant } from '../variants/index.mjs';

const IN_FLIGHT = 64;

export async function heap({ variant, url, calls, hasProfile }) {
  const authenticator = await openVariant(variant, { url });
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const drive = async (authenticate, total) => {
    let left = total;
    const caller = async () => {
      while (left-- > 0) await authenticate(nextGuest(hasProfile));
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  };
  const allocatedBy = async (authenticate) => {
    const before = v8.getHeapStatistics().used_heap_size;
    await drive(authenticate, calls);
    return (v8.getHeapStatistics().used_heap_size - before) / calls;
  };
  const result = {};
  const nothing = () => Promise.resolve(result);
  // Once to compile and to open connections, so that code and feedback are not taken for garbage.
  await drive(nothing, calls);
  await drive(authenticator.authenticate, calls * 2);
  await authenticator.settle();
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 50));
  collections = 0;
  const driver = await allocatedBy(nothing);
  const all = await allocatedBy(authenticator.authenticate);
  await authenticator.settle();
  await new Promise((resolve) => setTimeout(resolve, 50));
  observer.disconnect();
  return { bytes: all - driver, collections };
}
