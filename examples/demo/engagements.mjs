// The demonstration with the guest API of the tutorial; `../demo.mjs` says how to run it.

import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { compare } from './compare.mjs';
import { authenticateAll, guestsOf } from './guests.mjs';
import { openAuditFile, progress, summary, verdict } from './report.mjs';

// 1. The guests.
const { file, guests } = await guestsOf('guests.jsonl');

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
