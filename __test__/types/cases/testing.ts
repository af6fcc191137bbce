import { GuestAuthenticator } from 'genesys-guest-auth';
import { type SandboxHandle, startSandbox } from 'genesys-guest-auth/testing';

declare const sandbox: SandboxHandle;

// What is overridden keeps its type, and a callback knows its record.
const config = sandbox.config({ maxRetries: 1, auditLogCallback: (record) => record.event.length });
config.maxRetries satisfies number;
config.crmBaseUrl satisfies string;
new GuestAuthenticator(sandbox.config({ auditLogCallback: (record) => record.event.length }));
new GuestAuthenticator(sandbox.config());
// @ts-expect-error retries are a number
sandbox.config({ maxRetries: '1' });
// @ts-expect-error there is no such option
startSandbox({ host: '0.0.0.0' });

// What a sign-in gives depends on its flow; settings may be changed in part.
async function messaging() {
  const { code, codeVerifier } = await sandbox.signIn({ subject: 'ada' });
  code satisfies string;
  codeVerifier satisfies string | undefined;
  const { idToken, nonce } = await sandbox.signIn({ subject: 'ada', implicit: true });
  [idToken, nonce] satisfies string[];
  await sandbox.settings({ messaging: { limits: { connections: null }, jwtSeconds: 5 } });
  (await sandbox.frameFault({ action: 'echo', drop: true })) satisfies number;
  (await sandbox.frames({ socket: 1 }))[0]?.text satisfies string | undefined;
  // @ts-expect-error there is no such action of a fault
  await sandbox.frameFault({ acton: 'echo' });
  await startSandbox({ deployments: [{ id: 'D', auth: true, domains: ['shop.example'] }] });
}
void messaging;
