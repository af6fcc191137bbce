// A redis-server of a test's own, on a free port, in memory alone.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { until } from '../setup.mjs';

/** Why tests that need a server are skipped, or `false`. */
export function redisIsMissing() {
  if (spawnSync('redis-server', ['--version']).status === 0) return false;
  const reason = 'redis-server is not installed: NOTHING IS PROVEN ABOUT REDIS HERE';
  console.error(reason);
  return reason;
}

/** Starts a server; resolves with its `{ url, close }`. */
export async function startRedis() {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const server = spawn('redis-server', args, { stdio: 'ignore' });
  await until(() => accepts(port), 'redis-server takes connections');
  const close = async () => {
    server.kill();
    await once(server, 'exit');
  };
  return { url: `redis://127.0.0.1:${port}`, close };
}

async function freePort() {
  const holder = net.createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  holder.close();
  await once(holder, 'close');
  return port;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
