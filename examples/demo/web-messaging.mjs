// The demonstration with web messaging, Genesys Cloud's own guest API; `../demo.mjs` says how to run it.

import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';
import { compareMessaging } from './compare-messaging.mjs';
import { authenticateAll, guestsOf } from './guests.mjs';
import { openAuditFile, progress, summary, verdict } from './report.mjs';

// 1. The guests. `channelId` is the id of a deployment. A line with `signIn` is a guest who signs in, under this name.
const { file, guests } = await guestsOf('guests-web-messaging.jsonl');

// 2. Two deployments, each open to the pages of one domain. In the first one guests may be anonymous or sign in.
const deployments = [
  { id: '6a1f0f5e-0000-4000-8000-000000000001', auth: true, upgrade: true, domains: ['shop.example'] },
  { id: '6a1f0f5e-0000-4000-8000-000000000002', domains: ['partner.example'] },
];
const sandbox = await startSandbox({ deployments });

// 3. The same class as ever. `origin` is held against the deployment's domains, `contacts` takes the profile from the
//    organisation's external contacts, and `startConversation` sends it there together with the guest's attributes.
const audit = openAuditFile();
const authenticator = new GuestAuthenticator(
  sandbox.config({
    guestApi: 'web-messaging',
    origin: 'https://shop.example',
    contacts: true,
    startConversation: true,
    auditLogCallback: audit.write,
  }),
);

// 4. Your identity provider sends a guest who has signed in back with a code. `sandbox.signIn` stands for it, with PKCE.
for (const guest of guests.filter(({ payload }) => payload?.signIn)) {
  guest.options = { signIn: await sandbox.signIn({ subject: String(guest.payload.signIn) }) };
}

// 5. `authenticateGuest` for each, eight at once. Who is refused is an error with a `code`, and the others go on.
const status = progress(guests.length);
const outcomes = await authenticateAll(authenticator, guests, { atOnce: 8, onProgress: status.show });
status.end();

// 6. A guest who has signed in has a JWT for minutes, and a refresh token for the next one. The last of them signs out.
const signedIn = outcomes.filter(({ result }) => result?.guestData.refreshToken);
for (const outcome of signedIn) {
  outcome.nextJwt = await authenticator.rotateRefreshToken(outcome.result.guestData.refreshToken);
}
const leaving = signedIn.at(-1);
if (leaving) {
  await authenticator.signOut(leaving.nextJwt, { refreshToken: leaving.result.guestData.refreshToken });
  leaving.signedOut = true;
}

// 7. The end: waits for the analytics events, which are delivered in the background.
await authenticator.close();

// 8. What is reported, and whether the sandbox saw the same.
const seen = {
  outcomes,
  records: audit.close(),
  requests: await sandbox.log(),
  frames: await sandbox.frames(),
  sessions: (await sandbox.messagingState()).sessions,
  state: await sandbox.state(),
};
await sandbox.close();
const differences = compareMessaging(seen);
console.log(summary(seen, { file, auditPath: audit.path }));
console.log(verdict(differences));
process.exitCode = differences.length === 0 ? 0 : 1;
