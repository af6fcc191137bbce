// A service that is killed: authenticates guests side by side, keeps its events on disk, and writes the id of each guest
// whose call has resolved to its fourth file descriptor, at once. Argument: a configuration as JSON.

import { writeSync } from 'node:fs';
import { GuestAuthenticator } from '../../index.mjs';

const SIDE_BY_SIDE = 16;

const auth = new GuestAuthenticator({ ...JSON.parse(process.argv[2]), auditLogCallback: () => {} });
let guests = 0;

async function authenticate() {
  for (;;) {
    guests += 1;
    const email = `guest-${process.pid}-${guests}@example.com`;
    const { guestData } = await auth.authenticateGuest({ email, consent: true, channelId: 'web' });
    writeSync(3, `${guestData.guestId}\n`);
  }
}

for (let i = 0; i < SIDE_BY_SIDE; i++) authenticate();
