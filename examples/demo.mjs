// Authenticates the guests of a file against a sandbox that plays Genesys Cloud, a CRM and an analytics webhook on this
// machine, and checks what is reported against what the sandbox saw.
//
//   npm run demo              the guests of examples/guests.jsonl
//   npm run demo -- FILE      other guests: one JSON object a line
//
// Exit code: 0 when both agree, 1 when they differ, 2 when the file cannot be read.

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { openAuditFile } from './demo/audit-file.mjs';
import { authenticateAll } from './demo/authenticate.mjs';
import { compare, deliveries } from './demo/compare.mjs';
import { readGuests } from './demo/guests.mjs';
import { progress, summary } from './demo/report.mjs';

const AT_ONCE = 8;

// npm runs scripts in the package's folder; a file is meant as seen from where the user is.
const file = process.argv[2]
  ? resolve(process.env.INIT_CWD ?? '', process.argv[2])
  : fileURLToPath(new URL('guests.jsonl', import.meta.url));
const guests = await readGuests(file).catch((error) => {
  console.error(`Cannot read ${file}: ${error.message.split(',')[0]}`);
  process.exit(2);
});

const audit = openAuditFile();
const sandbox = await startSandbox();
const authenticator = new GuestAuthenticator(sandbox.config({ auditLogCallback: audit.write }));

const status = progress(guests.length);
const outcomes = await authenticateAll(authenticator, guests, { atOnce: AT_ONCE, onProgress: status.show });
status.end();

// Waits for the analytics events, which are delivered in the background.
await authenticator.close();

const records = audit.close();
const requests = await sandbox.log();
const state = await sandbox.state();
await sandbox.close();

const count = (route) => requests.filter((request) => request.route === route).length;
console.log(
  summary({
    file,
    outcomes,
    auditPath: audit.path,
    records,
    counted: `${count('token')} token, ${count('create')} guests, ${count('crm')} CRM, ${count('attributes')} attributes`,
    delivered: deliveries(state.webhookEvents),
  }),
);

const differences = compare({ outcomes, records, requests, state });
if (differences.length === 0) {
  console.log('\nThe sandbox saw what is reported here.');
} else {
  console.log(`\nThe sandbox saw something else:\n${differences.map((text) => `  ${text}`).join('\n')}`);
  process.exitCode = 1;
}
