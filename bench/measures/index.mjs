// What runs in the measured process, by name. Loaded lazily: a measure of start-up must not load the others' modules.

const load = (file, name) => async (job) => (await import(file))[name](job);

export const measures = {
  throughput: load('./load.mjs', 'throughput'),
  latency: load('./load.mjs', 'latency'),
  pace: load('./load.mjs', 'pace'),
  cold: load('./load.mjs', 'cold'),
  tls: load('./load.mjs', 'tls'),
  heap: load('./heap.mjs', 'heap'),
  sessions: load('./sessions.mjs', 'sessions'),
  collection: load('./sessions.mjs', 'collection'),
  startup: load('./startup.mjs', 'startup'),
};
