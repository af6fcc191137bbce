// What a session costs Redis: `node bench/experiments/redis-footprint.mjs [sessions]`. Needs redis-server.
//
// Authenticates so many guests against the sandbox through a Redis of its own, and asks that for its memory, its commands
// and its traffic, for each session or call. Guests without a CRM profile; the sandbox's answers are about 700 bytes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { GuestAuthenticator } = require('../../index.js');
const { startSandbox } = require('../../lib/testing/index.js');

const sessions = Number(process.argv[2] ?? 20_000);
const IN_FLIGHT = 64;

const folder = mkdtempSync(join(tmpdir(), 'guest-footprint-'));
const port = await freePort();
const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--dir', folder], {
  stdio: 'ignore',
});
const sandbox = await startSandbox({ log: false, logCapacity: 0 });
try {
  const socket = await connected();
  const ask = asker(socket);
  const authenticator = new GuestAuthenticator({
    ...sandbox.config({ crmBaseUrl: undefined, analyticsWebhookUrl: undefined }),
    sessionStore: { redis: { url: `redis://127.0.0.1:${port}` } },
    auditLogCallback() {},
  });
  const drive = async (from, to) => {
    let next = from;
    const caller = async () => {
      while (next < to) {
        next += 1;
        await authenticator.authenticateGuest({
          email: `guest.${next}@example.com`,
          consent: true,
          channelId: 'web-chat-emea',
        });
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  };
  await drive(0, 200);
  const before = await figures(ask);
  await drive(200, 200 + sessions);
  const after = await figures(ask);
  const each = (name) => (after[name] - before[name]) / sessions;
  const keys = (await ask('KEYS', '*')).split('\n');
  const sizes = {};
  for (const [kind, name] of [
    ['s', 'session'],
    ['g', 'guest'],
  ]) {
    const some = keys.filter((key) => key.includes(`:${kind}:`)).slice(0, 100);
    const bytes = await Promise.all(some.map((key) => ask('MEMORY', 'USAGE', key)));
    sizes[name] = bytes.reduce((sum, one) => sum + Number(one), 0) / some.length;
  }
  const row = (label, value) => `| ${label} | ${value} |`;
  console.log(
    [
      row(`for each of ${sessions} sessions`, 'figure'),
      row('---', '---:'),
      row('memory of the server (`used_memory`), bytes', each('used_memory').toFixed(0)),
      row('… the session’s key (`MEMORY USAGE`)', sizes.session.toFixed(0)),
      row('… the guest for conflict recovery', sizes.guest.toFixed(0)),
      row('commands that it executed, those inside of scripts included', each('calls').toFixed(2)),
      row('bytes to Redis', each('total_net_input_bytes').toFixed(0)),
      row('bytes from Redis', each('total_net_output_bytes').toFixed(0)),
      row('CPU of the server, µs', (each('cpu') * 1e6).toFixed(0)),
    ].join('\n'),
  );
  await authenticator.close();
  socket.destroy();
} finally {
  await sandbox.close();
  redis.kill();
  await once(redis, 'exit');
  rmSync(folder, { recursive: true });
}

async function figures(ask) {
  const text = (await Promise.all(['memory', 'stats', 'cpu'].map((part) => ask('INFO', part)))).join('\n');
  const value = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? 0);
  return {
    used_memory: value('used_memory'),
    total_net_input_bytes: value('total_net_input_bytes'),
    total_net_output_bytes: value('total_net_output_bytes'),
    cpu: value('used_cpu_sys') + value('used_cpu_user'),
    calls: value('total_commands_processed'),
  };
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function connected() {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** The least of RESP: one command after another, answers as text, those of an array a line each. */
function asker(socket) {
  let received = '';
  let wake;
  socket.setEncoding('latin1').on('data', (data) => {
    received += data;
    wake?.();
  });
  const take = async (parse) => {
    for (;;) {
      const found = parse();
      if (found !== undefined) return found;
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  };
  const line = () =>
    take(() => {
      const end = received.indexOf('\r\n');
      if (end < 0) return undefined;
      const text = received.slice(0, end);
      received = received.slice(end + 2);
      return text;
    });
  const value = async () => {
    const head = await line();
    const count = Number(head.slice(1));
    if (head[0] === '*') {
      const all = [];
      for (let i = 0; i < count; i++) all.push(await value());
      return all.join('\n');
    }
    if (head[0] !== '$') return head.slice(1);
    return take(() => {
      if (received.length < count + 2) return undefined;
      const text = received.slice(0, count);
      received = received.slice(count + 2);
      return text;
    });
  };
  let turn = Promise.resolve();
  return (...words) => {
    const asked = turn.then(() => {
      socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`);
      return value();
    });
    turn = asked;
    return asked;
  };
}
