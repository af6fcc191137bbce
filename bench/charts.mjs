// The charts of a run.

import { bars, lines } from './lib/chart.mjs';

/** Names and colours that stay the same in all charts. */
const LOOKS = {
  axios: ['axios (3 requests)', 0],
  undici: ['undici (3)', 1],
  'undici-parallel': ['undici, parallel (3)', 1],
  'package-4': ['this package (4)', 2],
  'package-3': ['this package (3)', 3],
  'floor-4': ['bare reqwest (4)', 4],
  'floor-3': ['bare reqwest (3)', 4],
  map: ['JavaScript Map', 0],
  package: ['this package', 2],
  idle: ['idle loop', 4],
  thread: ['a thread that only sleeps', 4],
};

const barsOf = (data, figure, names = Object.keys(data)) =>
  names
    .filter((name) => data[name]?.[figure])
    .map((name) => ({ name: LOOKS[name][0], color: LOOKS[name][1], value: data[name][figure] }));

/** Lines of a figure whose cases are called `case@size`. */
function linesOf(data, figure) {
  const found = {};
  for (const [key, figures] of Object.entries(data)) {
    // No call ended in the window where a client was overrun.
    if (!figures[figure]) continue;
    const [name, size] = key.split('@');
    found[name] ??= [];
    found[name].push([Number(size), figures[figure].median]);
  }
  return Object.entries(found).map(([name, points]) => ({ name: LOOKS[name][0], color: LOOKS[name][1], points }));
}

/** File name → SVG, for what was measured. */
export function charts(results) {
  const { throughput, latency, pace, growth, sessions } = results;
  const made = {};
  if (throughput) {
    made['cpu.svg'] = bars({
      title: 'CPU for one authentication, in microseconds',
      note: '64 in flight on one core; less is better. Requests for each guest in brackets.',
      unit: 'µs',
      groups: [
        { name: 'Main thread: what your event loop loses', bars: barsOf(throughput, 'mainUs') },
        { name: 'Whole process, all threads', bars: barsOf(throughput, 'processUs') },
      ],
    });
  }
  if (latency) {
    made['latency.svg'] = bars({
      title: 'From call to result where every endpoint takes 50 ms',
      note: 'Open connections, a cached token, 16 in flight; less is better.',
      unit: 'ms',
      groups: [
        { name: 'Median', bars: barsOf(latency, 'p50') },
        { name: '99th percentile', bars: barsOf(latency, 'p99') },
      ],
    });
  }
  if (pace) {
    made['pace.svg'] = bars({
      title: '99th percentile of the event-loop delay at 300 authentications a second',
      note: 'What every other request of the process waits for; less is better.',
      unit: 'ms',
      groups: [{ name: '', bars: barsOf(pace, 'fineP99') }],
    });
  }
  if (growth) {
    made['growth.svg'] = lines({
      title: 'Process CPU for one authentication by calls in flight',
      note: 'Microseconds, both axes logarithmic. Flat is good.',
      unit: 'µs',
      across: 'calls in flight',
      lines: linesOf(growth, 'processUs'),
    });
  }
  if (sessions) {
    made['sessions.svg'] = lines({
      title: 'Memory for one live session',
      note: 'Bytes of resident memory, both axes logarithmic; less is better.',
      unit: 'B',
      across: 'live sessions',
      lines: Object.entries(sessions).map(([name, figures]) => ({
        name: LOOKS[name][0],
        color: LOOKS[name][1],
        points: Object.entries(figures)
          .filter(([figure, value]) => figure.startsWith('rss@') && value.median > 0)
          .map(([figure, value]) => [Number(figure.slice(4)), value.median]),
      })),
    });
  }
  return made;
}
