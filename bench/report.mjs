// A run as a Markdown table.

import { short } from './lib/chart.mjs';

const COLUMNS = ['axios', 'undici', 'package-3', 'package-4', 'floor-3', 'floor-4'];
const HEADINGS = [
  '(a) axios, 3 requests',
  '(b) undici, 3',
  '(c) package, 3',
  '(c) package, 4',
  '(d) floor, 3',
  '(d) floor, 4',
];

/** `median (min–max)`; the range only where it says something. */
function cell(figure, unit = '') {
  if (!figure) return '–';
  const { median, min, max } = figure;
  const range = short(min) === short(max) ? '' : ` (${short(min)}–${short(max)})`;
  return `${short(median)}${unit && ` ${unit}`}${range}`;
}

const scaled = (figure, by, plus = 0) =>
  Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, value * by + plus]));

/** A line: what it is, and a figure for each column. */
const line = (label, figureOf) => [label, ...COLUMNS.map((column) => figureOf(column))];

function* saturated(data, load) {
  yield line(`main-thread CPU for one authentication, ${load}, µs`, (name) => cell(data[name]?.mainUs));
  yield line(`process CPU for one authentication, ${load}, µs`, (name) => cell(data[name]?.processUs));
  yield line(`authentications/s on one core, ${load}`, (name) => cell(data[name]?.perSecond));
  yield line('… as a multiple of (b)', (name) =>
    cell(data[name] && scaled(data[name].perSecond, 1 / data.undici.perSecond.median)),
  );
  yield line('… core used by the client, % (below 95: the server was the limit)', (name) =>
    cell(data[name] && scaled(data[name].busy, 100)),
  );
  const floor = { 'package-3': 'floor-3', 'package-4': 'floor-4' };
  yield line('process CPU as a multiple of (d)', (name) =>
    floor[name] ? cell(scaled(data[name].processUs, 1 / data[floor[name]].processUs.median)) : '–',
  );
}

const lines = {
  throughput: (data) => saturated(data, '64 in flight'),
  throughputTls: (data) => saturated(data, 'through TLS, 64 in flight'),
  *latency(data) {
    yield line('latency, 50 ms on every endpoint, warm, 16 in flight: p50, ms', (name) => cell(data[name]?.p50));
    yield line('… p99, ms', (name) => cell(data[name]?.p99));
    const { p50, p99 } = data['undici-parallel'];
    const parallel = `${cell(p50)} / ${cell(p99)}`;
    yield line('… (b) with the package’s order of requests: p50 / p99, ms', (name) =>
      name === 'undici' ? parallel : '–',
    );
  },
  *pace(data) {
    const { idle, thread } = data;
    const above = (figure, { median }) => cell(figure && scaled(figure, 1, -median));
    const names = { fine: 'of 1 ms', default: 'of 10 ms, Node’s default' };
    for (const [resolution, said] of Object.entries(names)) {
      const figure = `${resolution}P99`;
      const others = `idle ${cell(idle[figure])}; a thread that only sleeps ${cell(thread[figure])}`;
      yield line(`event-loop delay p99 at 300/s, ms, at a resolution ${said} (${others})`, (name) =>
        cell(data[name]?.[figure]),
      );
      yield line('… above the idle loop, ms', (name) => above(data[name]?.[figure], idle[figure]));
    }
    yield line(`process CPU at 300/s, % of a core (the driver alone: ${cell(idle.percent)})`, (name) =>
      cell(data[name]?.percent),
    );
    yield line('… without the driver, % of a core', (name) =>
      name.startsWith('floor') ? cell(data[name].percent) : above(data[name]?.percent, idle.percent),
    );
  },
  *growth(data) {
    const sizes = [...new Set(Object.keys(data).map((key) => key.split('@')[1]))];
    for (const size of sizes) {
      yield line(`process CPU for one authentication, ${short(Number(size))} in flight, µs`, (name) =>
        cell(data[`${name}@${size}`]?.processUs),
      );
    }
  },
  *cold(data) {
    const sizes = [...new Set(Object.keys(data).map((key) => key.split('@')[1]))];
    for (const size of sizes) {
      const of = (name, figure) => cell(data[`${name === 'package-4' ? 'package' : name}@${size}`]?.[figure]);
      yield line(`token requests for ${short(Number(size))} concurrent cold calls`, (name) =>
        of(name, 'tokenRequests'),
      );
      yield line('… time until all are done, ms', (name) => of(name, 'coldMs'));
      yield line('… as a multiple of the same burst once more', (name) => of(name, 'ratio'));
    }
  },
  *tls(data) {
    yield line('through TLS on loopback: first call of a process, ms', (name) => cell(data[name]?.coldMs));
    yield line('… first call after `warmUp()`, ms', (name) => cell(data[name]?.warmedUpMs));
    yield line('… one after another on open connections: p50, ms', (name) => cell(data[name]?.p50));
    yield line('… p99, ms', (name) => cell(data[name]?.p99));
  },
  *sessions(data) {
    const of = { axios: 'map', undici: 'map', 'package-3': 'package', 'package-4': 'package' };
    const sizes = Object.keys(data.map).filter((figure) => figure.startsWith('rss@'));
    for (const size of sizes.map((figure) => figure.slice(4))) {
      const label = `memory of a live session at ${short(Number(size))}, B (on the JavaScript heap)`;
      yield line(label, (name) => {
        const figures = data[of[name]];
        if (name !== 'axios' && name !== 'package-4') return '–';
        return `${cell(figures[`rss@${size}`])} (${short(Math.max(0, figures[`heap@${size}`].median))})`;
      });
    }
  },
  *collection(data) {
    const of = (name) => ({ axios: data.map, 'package-4': data.package })[name];
    yield line('full garbage collection, no sessions, ms', (name) => cell(of(name)?.emptyMs));
    yield line(`… with ${short(data.map.size.median)} live sessions, ms`, (name) => cell(of(name)?.fullMs));
  },
  *heap(data) {
    yield line('JavaScript heap allocated for one authentication, B', (name) => cell(data[name]?.bytes));
  },
  *startup(data) {
    yield line('`require` to an authenticator: ms', (name) => cell(data[name]?.readyMs));
    yield line('… resident memory, MiB', (name) => cell(data[name]?.readyMiB));
    yield line('`require` to the first guest: ms', (name) => cell(data[name]?.firstMs));
    yield line('… resident memory, MiB', (name) => cell(data[name]?.firstMiB));
  },
  *size(data) {
    for (const [file, bytes] of Object.entries(data)) {
      yield line(`size of \`${file}\`, MB`, (name) => (name === 'package-4' ? (bytes / 1e6).toFixed(2) : '–'));
    }
  },
};

const FIGURES = [
  ['main-thread CPU for one guest, µs', 'throughput', 'mainUs'],
  ['process CPU for one guest, µs', 'throughput', 'processUs'],
  ['99th percentile of the latency where every endpoint takes 50 ms, ms', 'latency', 'p99'],
];

/** The five figures of README.md. */
export function figures({ results }) {
  const median = (figure) => short(figure.median);
  const { cold, sessions } = results;
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return [
    row(['median', 'axios', 'undici', 'this package']),
    row(['---', '---:', '---:', '---:']),
    ...FIGURES.map(([label, suite, figure]) =>
      row([label, ...['axios', 'undici', 'package-4'].map((name) => median(results[suite][name][figure]))]),
    ),
    row([
      'token requests for 1,000 concurrent first calls',
      ...['axios', 'undici', 'package'].map((name) => median(cold[`${name}@1000`].tokenRequests)),
    ]),
    row([
      'memory of one of a million live sessions, bytes',
      ...['map', 'map', 'package'].map((name) => median(sessions[name]['rss@1000000'])),
    ]),
    '',
  ].join('\n');
}

/** The run as text. */
export function report({ machine, rounds, results }) {
  const rows = Object.entries(results).flatMap(([name, data]) => [...lines[name](data)]);
  const row = (cells) => `| ${cells.join(' | ')} |`;
  return [
    `${machine.date}, ${machine.cpu}, ${machine.cores} cores, ${machine.platform}; Node ${machine.node}, ${machine.rust};`,
    `axios ${machine.axios}, undici ${machine.undici}, zod ${machine.zod}. Medians of ${rounds} rounds (lowest–highest).`,
    machine.pinned
      ? 'The client had one core to itself and the sandbox another.'
      : 'Processes were not bound to cores.',
    '',
    row(['measure', ...HEADINGS]),
    row(['---', ...HEADINGS.map(() => '---:')]),
    ...rows.map(row),
    '',
  ].join('\n');
}
