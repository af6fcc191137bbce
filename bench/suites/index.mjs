// All measures of a run, in order. Each gives plain data; `report.mjs` and `charts.mjs` say it in words and pictures.

import { collection, heap, sessions, size, startup } from './memory.mjs';
import { cold, growth, latency, pace, throughput, throughputTls, tls } from './speed.mjs';

/** @typedef {{ quick: boolean, rounds: number, server: import('../../lib/testing').SandboxHandle }} Setting */

/** @type {Record<string, (setting: Setting) => Promise<object>>} */
export const suites = {
  throughput,
  throughputTls,
  latency,
  pace,
  growth,
  cold,
  tls,
  sessions,
  collection,
  heap,
  startup,
  size,
};
