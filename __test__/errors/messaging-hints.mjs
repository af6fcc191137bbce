// The rows of the table of hints that concern web messaging, played against the sandbox.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { startSandbox } from 'genesys-guest-auth/testing';
import { guest, pkg } from '../helpers/setup.mjs';

/** What a frame that configures a session is answered with. */
const answered = (code, body) => ({ action: 'configureSession', error: { code, body } });

/** Why a guest is not to be had where the sandbox refuses the handshake, or answers its first frame with an error. */
async function failureOf(t, { handshake, frame, deployment, config, options }) {
  const sandbox = await startSandbox();
  t.after(() => sandbox.close());
  if (handshake) await sandbox.fault({ route: 'socket', status: handshake });
  if (frame) await sandbox.frameFault(frame);
  if (deployment) await sandbox.deployments(deployment);
  const auth = new pkg.GuestAuthenticator({
    ...sandbox.config({ crmBaseUrl: undefined, analyticsWebhookUrl: undefined }),
    guestApi: 'web-messaging',
    maxRetries: 0,
    auditLogCallback: () => {},
    ...config,
  });
  t.after(() => auth.close());
  const payload = guest({ channelId: deployment?.id ?? randomUUID() });
  return auth.authenticateGuest(payload, options).then(assert.fail, (error) => error);
}

export const MESSAGING = {
  async OriginRefused(t) {
    const error = await failureOf(t, { handshake: 403, config: { origin: 'https://shop.example' } });
    return { error, is: ['FORBIDDEN'], facts: {} };
  },
  async OriginMissing(t) {
    return { error: await failureOf(t, { handshake: 403 }), is: ['FORBIDDEN'], facts: {} };
  },
  async UnknownDeployment(t) {
    return { error: await failureOf(t, { handshake: 404 }), is: ['CHANNEL_UNAVAILABLE'], facts: {} };
  },
  async SignInWanted(t) {
    const deployment = { id: randomUUID(), auth: true };
    const before = await failureOf(t, { deployment, config: { preflightChannel: true } });
    const error = await failureOf(t, { frame: answered(401, 'User is unauthorized') });
    assert.deepEqual([before.code, before.hint], ['CHANNEL_UNAVAILABLE', error.hint]);
    return { error, is: ['REFRESH_FAILED'], facts: {} };
  },
  async TokenSignedIn(t) {
    const error = await failureOf(t, { frame: answered(4017, ''), options: { token: randomUUID() } });
    return { error, is: ['CONFLICT'], facts: {} };
  },
  async SessionOver(t) {
    const error = await failureOf(t, { frame: answered(4006, ''), options: { token: randomUUID() } });
    return { error, is: ['CONFLICT'], facts: {} };
  },
};
