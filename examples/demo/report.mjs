// What the demonstration writes: the audit file, the progress, the summary.

import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { deliveries } from './compare.mjs';

const MOST_REFUSALS_SHOWN = 100;
const LONGEST_REASON = 160;
const REWRITE_EVERY_MS = 50;

/** The sandbox's routes as the summary calls them, in its order. */
const ROUTES = {
  token: 'token',
  create: 'guests',
  crm: 'CRM',
  attributes: 'attributes',
  socket: 'sockets',
  'contact-lookup': 'contacts',
  exchange: 'exchanged',
  'jwt-refresh': 'refreshed',
  revoke: 'revoked',
};

/** A new audit file: in `.tmp` below the current folder, or with the system's temporary files where that is read-only. */
export function openAuditFile() {
  try {
    return auditFileIn(resolve('.tmp'));
  } catch {
    return auditFileIn(mkdtempSync(join(tmpdir(), 'guest-demo-')));
  }
}

function auditFileIn(folder) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'demo-audit.jsonl');
  // Records hold personal data, even masked: for the owner alone.
  const file = openSync(path, 'w', 0o600);
  return {
    path,
    /** To be given as `auditLogCallback`. */
    write: (record) => writeSync(file, `${JSON.stringify(record)}\n`),
    /** Closes the file and gives back what is in it. */
    close() {
      closeSync(file);
      return readFileSync(path, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    },
  };
}

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

/** The summary of what was seen, as text. */
export function summary({ outcomes, records, requests, state }, { file, auditPath }) {
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
    row('webhook deliveries', `${deliveries(state.webhookEvents)} of ${authenticated.length} confirmed by the sandbox`),
    row('requests', requestCounts(requests)),
  ].join('\n');
}

function requestCounts(requests) {
  const counts = Object.entries(ROUTES).map(([route, name]) => [
    requests.filter((request) => request.route === route).length,
    name,
  ]);
  const made = counts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}`);
  return made.join(', ') || 'none';
}

/** Whether the sandbox saw the same, and each difference in a line of its own. */
export function verdict(differences) {
  if (differences.length === 0) return '\nThe sandbox saw what is reported here.';
  return `\nThe sandbox saw something else:\n${differences.map((text) => `  ${text}`).join('\n')}`;
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

/** In one line: a validation error as its issues, anything else as what to do about it, or as its message. */
function why({ issues, hint, message }) {
  const text = issues ? issues.map(issueText).join('; ') : (hint ?? message);
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
