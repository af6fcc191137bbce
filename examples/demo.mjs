// Authenticates the guests of a file against a sandbox that plays Genesys Cloud, a CRM and an analytics webhook on this
// machine, and checks what is reported against what the sandbox saw.
//
//   npm run demo              the guests of examples/guests.jsonl
//   npm run demo -- FILE      other guests: one JSON object a line
//
// Exit code: 0 when both agree, 1 when they differ, 2 when the file cannot be read.

import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { compare } from './demo/compare.mjs';
import { authenticateAll, guestsFile, readGuests } from './demo/guests.mjs';
import { openAuditFile, progress, summary, verdict } from './demo/report.mjs';

// 1. The guests.
const file = guestsFile(process.argv[2]);
const guests = await readGuests(file).catch((error) => {
  console.error(`Cannot read ${file}: ${error.message.split(',')[0]}`);
  process.exit(2);
});

// 2. One authenticator for the whole process. `sandbox.config()` stands for a configuration of your own: `environment`,
//    `clientId`, `clientSecret`, and `crmBaseUrl` and `analyticsWebhookUrl` where you have them.
const sandbox = await startSandbox();
const audit = openAuditFile();
const authenticator = new GuestAuthenticator(sandbox.config({ auditLogCallback: audit.write }));

// 3. `authenticateGuest` for each, eight at once. Who is refused is an error with a `code`, and the others go on.
const status = progress(guests.length);
const outcomes = await authenticateAll(authenticator, guests, { atOnce: 8, onProgress: status.show });
status.end();

// 4. The end: waits for the analytics events, which are delivered in the background.
await authenticator.close();

// 5. What is reported, and whether the sandbox saw the same.
const seen = { outcomes, records: audit.close(), requests: await sandbox.log(), state: await sandbox.state() };
await sandbox.close();
const differences = compare(seen);
console.log(summary(seen, { file, auditPath: audit.path }));
console.log(verdict(differences));
process.exitCode = differences.length === 0 ? 0 : 1;
