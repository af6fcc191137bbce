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
