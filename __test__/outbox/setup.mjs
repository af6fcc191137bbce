// For tests of the outbox on disk: a folder for its file, and an authenticator that uses it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf, pkg, startDouble } from '../helpers/setup.mjs';

/** The path of a file that is not there yet, in a folder that lives as long as the test. */
export function outboxFile(t) {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'events.outbox');
}

/** A double, a file, and `open()` for an authenticator with both. */
export async function setupOutbox(t, { double, path = outboxFile(t), ...outbox } = {}) {
  const server = double ?? (await startDouble(t));
  const config = { ...configOf(server, { webhook: true }), auditLogCallback: () => {}, outbox: { path, ...outbox } };
  const open = (changes = {}) => {
    const auth = new pkg.GuestAuthenticator({ ...config, ...changes, outbox: { ...config.outbox, ...changes.outbox } });
    t.after(() => auth.close({ timeoutMs: 0 }));
    return auth;
  };
  return { double: server, path, config, open };
}

/** What the webhook was sent: `{ guestId, id }` for each request. */
export function deliveries(double) {
  return double.of('webhook').map(({ json, headers }) => ({ guestId: json.guestId, id: headers['webhook-id'] }));
}
