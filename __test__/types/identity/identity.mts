// Both entry points lead to the same declarations: an instance from one is an instance for the other.
import { expectTypeOf } from 'expect-type';
import type * as imported from 'genesys-guest-auth';
import { GuestAuthenticator } from 'genesys-guest-auth';
import { type Authenticator, required } from './required.cjs';

expectTypeOf<typeof imported>().toEqualTypeOf<typeof required>();
expectTypeOf<Authenticator>().toEqualTypeOf<GuestAuthenticator>();
export const one: Authenticator = new GuestAuthenticator({ environment: 'acme', clientId: 'i', clientSecret: 's' });
export const another: typeof GuestAuthenticator = required.GuestAuthenticator;
