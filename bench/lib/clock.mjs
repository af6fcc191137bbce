// Clocks of CPU time.

import { readFileSync } from 'node:fs';

/** Microseconds that the main thread of this process has been on a CPU. */
export function mainThreadMicros() {
  if (process.threadCpuUsage !== undefined) {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  }
  // The first figure: nanoseconds on a CPU, as the scheduler counts them. The main thread has the process's id.
  const [nanos] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ');
  return Number(nanos) / 1000;
}

/** Microseconds that all threads of this process have been on a CPU, in user and kernel mode. */
export function processMicros() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** A moment on all clocks. */
export function moment() {
  return { wall: performance.now(), main: mainThreadMicros(), process: processMicros() };
}

/** What has passed since a moment: milliseconds of wall time, microseconds of CPU. */
export function since(start) {
  const end = moment();
  return { wallMs: end.wall - start.wall, mainUs: end.main - start.main, processUs: end.process - start.process };
}
