// The SDK is an optional peer. Where it is not installed the import below resolves to nothing: its error is silenced,
// the name becomes `any`, and the alias turns that into `unknown`. A consumer without the SDK can thus compile with
// `skipLibCheck` off, and one who calls `getSdkClient()` is sent to install it by the first use of the result.
// @ts-ignore
import type { ApiClientClass } from 'purecloud-platform-client-v2';

type UnknownIfAny<T> = [0] extends [1 & T] ? unknown : T;

/**
 * The `ApiClient` of `purecloud-platform-client-v2` (`ApiClientClass` in its typings), to be passed to the constructor
 * of any of its APIs: `new TokensApi(authenticator.getSdkClient())`. `unknown` where that package is not installed.
 */
export type SdkClient = UnknownIfAny<ApiClientClass>;
