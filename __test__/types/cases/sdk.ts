// getSdkClient() where the SDK is installed: its own class, fit for the constructor of any of its APIs.
import { expectTypeOf } from 'expect-type';
import type { GuestAuthenticator, SdkClient } from 'genesys-guest-auth';
import { type ApiClientClass, TokensApi } from 'purecloud-platform-client-v2';

declare const authenticator: GuestAuthenticator;
expectTypeOf(authenticator.getSdkClient()).not.toBeAny();
expectTypeOf(authenticator.getSdkClient()).toEqualTypeOf<ApiClientClass>();
expectTypeOf<SdkClient>().toEqualTypeOf<ApiClientClass>();
new TokensApi(authenticator.getSdkClient()).getTokensMe().then((info) => info.organization?.id);
authenticator.getSdkClient().setReturnExtendedResponses(true);
// @ts-expect-error the SDK's class has no such method
authenticator.getSdkClient().noSuchMethod();
