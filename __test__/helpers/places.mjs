// Where a server of a test lives: a folder that goes away with the test, a port on which nobody listens.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that lives as long as the test. */
export function folderFor(t, name) {
  const folder = mkdtempSync(join(tmpdir(), `guest-${name}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A port on which nobody listened a moment ago: 0 for any, or fails if it is not `wanted`. */
export async function freePort(wanted = 0) {
  const server = net.createServer().listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
