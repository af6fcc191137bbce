// The README's quick start: one guest, against a sandbox on this machine. Run it with `node examples/quickstart.mjs`.

import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';

const sandbox = await startSandbox();
const authenticator = new GuestAuthenticator(sandbox.config({ auditLogCallback: () => {} }));
const guest = { email: 'jane@example.com', consent: true, channelId: 'web-messaging' };
const { guestData, analytics } = await authenticator.authenticateGuest(guest);
console.log(guestData.guestId, analytics.crmTier);
await authenticator.close();
await sandbox.close();
