// What the demonstration prints.

import { relative } from 'node:path';

const MOST_REFUSALS_SHOWN = 100;
const LONGEST_REASON = 160;
const REWRITE_EVERY_MS = 50;

/** A single line that is written over, on a terminal; nothing elsewhere. */
export function progress(total, out = process.stdout) {
  if (!out.isTTY) return { show() {}, end() {} };
  let last = Number.NEGATIVE_INFINITY;
  const rewrite = (text) => {
    out.cursorTo(0);
    out.clearLine(0);
    out.write(text);
    last = performance.now();
  };
  return {
    show(done) {
      if (performance.now() - last >= REWRITE_EVERY_MS) rewrite(`authenticating ${done} of ${total}`);
    },
    end: () => rewrite(''),
  };
}

/** The summary as text. */
export function summary({ file, outcomes, auditPath, records, counted, delivered }) {
  const authenticated = outcomes.filter(({ result }) => result);
  const refused = outcomes.filter(({ error }) => error);
  const times = authenticated.map(({ ms }) => ms).sort((a, b) => a - b);
  return [
    row('guests', `${outcomes.length} in ${shortPath(file)}`),
    row('authenticated', authenticated.length),
    row('refused', refused.length),
    ...refusals(refused),
    row('latency p50 / p99', times.length > 0 ? `${ms(percentile(times, 50))} / ${ms(percentile(times, 99))}` : 'none'),
    row('audit records', `${records.length} in ${shortPath(auditPath)}`),
    row('webhook deliveries', `${delivered} of ${authenticated.length} confirmed by the sandbox`),
    row('requests', counted),
  ].join('\n');
}

function row(name, value) {
  return `${name.padEnd(20)}${value}`;
}

/** From the current folder, where that is shorter. */
function shortPath(path) {
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}

function refusals(refused) {
  const shown = refused.slice(0, MOST_REFUSALS_SHOWN);
  const width = Math.max(0, ...shown.map(({ line }) => String(line).length));
  const rows = shown.map(({ line, error }) => `  line ${String(line).padStart(width)}  ${error.code}  ${why(error)}`);
  if (refused.length > shown.length) rows.push(`  and ${refused.length - shown.length} more`);
  return rows;
}

/** In one line: a validation error as its issues, anything else as its message. */
function why({ issues, message }) {
  const text = issues ? issues.map(issueText).join('; ') : message;
  return text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}…` : text;
}

function issueText({ path, message }) {
  return path.length > 0 ? `${path.join('.')}: ${message}` : message;
}

/** Nearest rank, of sorted values. */
export function percentile(sorted, percent) {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

function ms(value) {
  return `${value.toFixed(1)} ms`;
}
