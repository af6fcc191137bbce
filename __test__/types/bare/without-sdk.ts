// A consumer with nothing else installed: no SDK, no zod, no @types/node, and declaration files are checked too.
import { GuestAuthenticator, GuestRequestSchema, type SdkClient } from 'genesys-guest-auth';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export const sdkIsUnknown: Equal<SdkClient, unknown> = true;

const authenticator = new GuestAuthenticator({ environment: 'acme', clientId: 'id', clientSecret: 'secret' });
export const client: unknown = authenticator.getSdkClient();
// @ts-expect-error of unknown type, until the SDK is installed
authenticator.getSdkClient().setAccessToken('token');

export async function authenticate(body: unknown): Promise<string> {
  await using closing = authenticator;
  const { guestData } = await closing.authenticateGuest(GuestRequestSchema.parse(body));
  return guestData.token;
}
