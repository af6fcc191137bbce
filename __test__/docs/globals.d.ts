// What the blocks of code in docs/ take from their surroundings; `globals.mjs` makes it.

import type { AuthenticatorConfig, GuestAuthenticator, GuestRequest } from 'genesys-guest-auth';
import type { CodeGrant, SandboxHandle } from 'genesys-guest-auth/testing';

declare global {
  const config: AuthenticatorConfig;
  const authenticator: GuestAuthenticator;
  const guest: GuestRequest;
  const sandbox: SandboxHandle;
  /** A pool of the package `pg`. */
  const pool: { query(text: string, values: unknown[]): Promise<{ rowCount: number | null }> };
  /** Of web messaging. */
  const deploymentId: string;
  const signIn: CodeGrant;
}
