// Surroundings of a block of code in docs/: the names that pages take for granted, over a sandbox. With WEB_MESSAGING, over
// its web messaging.

import { GuestAuthenticator } from 'genesys-guest-auth';
import { startSandbox } from 'genesys-guest-auth/testing';

const deploymentId = '6a1f0f5e-0000-4000-8000-000000000001';
const isMessaging = Boolean(process.env.WEB_MESSAGING);

const sandbox = await startSandbox({
  deployments: [{ id: deploymentId, auth: true, upgrade: true, domains: ['shop.example'] }],
});
const config = sandbox.config({
  auditLogCallback() {},
  ...(isMessaging && { guestApi: 'web-messaging', origin: 'https://shop.example', contacts: true }),
});
Object.assign(globalThis, {
  sandbox,
  config,
  authenticator: new GuestAuthenticator(config),
  guest: { email: 'jane@example.com', consent: true, channelId: isMessaging ? deploymentId : 'web-messaging' },
  pool: {
    query: () => Promise.reject(new Error('there is no database here')),
  },
  deploymentId,
  signIn: isMessaging ? await sandbox.signIn({ subject: 'ada' }) : undefined,
});
