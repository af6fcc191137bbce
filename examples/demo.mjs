// Authenticates the guests of a file against a sandbox that plays Genesys Cloud, a CRM and an analytics webhook on this
// machine, and checks what is reported against what the sandbox saw.
//
//   npm run demo                               the tutorial's guest API: examples/demo/engagements.mjs
//   npm run demo -- --web-messaging            Genesys Cloud's own: examples/demo/web-messaging.mjs
//   npm run demo -- [--web-messaging] FILE     other guests: one JSON object a line
//
// Exit code: 0 when both agree, 1 when they differ, 2 when the file cannot be read.

import { WEB_MESSAGING } from './demo/guests.mjs';

await import(process.argv.includes(WEB_MESSAGING) ? './demo/web-messaging.mjs' : './demo/engagements.mjs');
