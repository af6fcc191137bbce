// The error classes, their codes, and what stands in for zod's error.
import { expectTypeOf } from 'expect-type';
import type * as errors from 'genesys-guest-auth';
import {
  GuestAuthError,
  type GuestAuthErrorCode,
  type GuestConflictError,
  type GuestCreationError,
  type GuestForbiddenError,
  type GuestIssue,
  type GuestRequest,
  GuestRequestSchema,
  type GuestValidationError,
  RateLimitedError,
} from 'genesys-guest-auth';
import { z } from 'zod';

expectTypeOf<GuestAuthError>().toExtend<Error>();
expectTypeOf<GuestAuthError['code']>().toEqualTypeOf<GuestAuthErrorCode>();
expectTypeOf<GuestAuthError['retryable']>().toBeBoolean();
expectTypeOf<GuestAuthError['status']>().toEqualTypeOf<number | undefined>();
expectTypeOf<GuestAuthError['retryAfterMs']>().toEqualTypeOf<number | undefined>();
expectTypeOf<GuestAuthError['body']>().toEqualTypeOf<string | undefined>();
expectTypeOf<GuestAuthError['cause']>().toBeUnknown();

// Each class has its own literal.
type CodeOf<Name extends keyof typeof errors> = (typeof errors)[Name] extends abstract new (
  ...args: never[]
) => { code: infer Code }
  ? Code
  : never;
expectTypeOf<CodeOf<'GuestConfigError'>>().toEqualTypeOf<'CONFIG_INVALID'>();
expectTypeOf<CodeOf<'GuestValidationError'>>().toEqualTypeOf<'VALIDATION_FAILED'>();
expectTypeOf<CodeOf<'DuplicateSessionError'>>().toEqualTypeOf<'DUPLICATE_SESSION'>();
expectTypeOf<CodeOf<'SessionCapacityError'>>().toEqualTypeOf<'SESSION_CAPACITY'>();
expectTypeOf<CodeOf<'OAuthError'>>().toEqualTypeOf<'OAUTH_FAILED'>();
expectTypeOf<CodeOf<'GuestForbiddenError'>>().toEqualTypeOf<'FORBIDDEN'>();
expectTypeOf<CodeOf<'GuestConflictError'>>().toEqualTypeOf<'CONFLICT'>();
expectTypeOf<CodeOf<'RateLimitedError'>>().toEqualTypeOf<'RATE_LIMITED'>();
expectTypeOf<CodeOf<'ChannelUnavailableError'>>().toEqualTypeOf<'CHANNEL_UNAVAILABLE'>();
expectTypeOf<CodeOf<'TokenSignatureError'>>().toEqualTypeOf<'SIGNATURE_INVALID'>();
expectTypeOf<CodeOf<'TokenRefreshError'>>().toEqualTypeOf<'REFRESH_FAILED'>();
expectTypeOf<CodeOf<'NetworkError'>>().toEqualTypeOf<'NETWORK'>();
expectTypeOf<CodeOf<'TimeoutError'>>().toEqualTypeOf<'TIMEOUT'>();
expectTypeOf<CodeOf<'StoreUnavailableError'>>().toEqualTypeOf<'STORE_UNAVAILABLE'>();
expectTypeOf<CodeOf<'ClosedError'>>().toEqualTypeOf<'CLOSED'>();
expectTypeOf<CodeOf<'SdkNotInstalledError'>>().toEqualTypeOf<'SDK_NOT_INSTALLED'>();

// Refusals with a name are refusals.
expectTypeOf<GuestForbiddenError>().toExtend<GuestCreationError>();
expectTypeOf<GuestConflictError>().toExtend<GuestCreationError>();
expectTypeOf<RateLimitedError>().toExtend<GuestCreationError>();

export function retryIn(error: unknown): number | undefined {
  if (error instanceof RateLimitedError) {
    expectTypeOf(error.code).toEqualTypeOf<'RATE_LIMITED'>();
    return error.retryAfterMs;
  }
  if (error instanceof GuestAuthError && error.retryable) {
    switch (error.code) {
      case 'NETWORK':
      case 'TIMEOUT':
        return 1000;
      // @ts-expect-error no such code
      case 'NET':
        return 0;
      default:
        return undefined;
    }
  }
  return undefined;
}

// @ts-expect-error read only
new GuestAuthError('text').code = 'CLOSED';
new RateLimitedError('too many', { status: 429, retryAfterMs: 1000, cause: new Error('why') });

// Validation errors are as zod's.
declare const invalid: GuestValidationError;
expectTypeOf(invalid.name).toEqualTypeOf<'ZodError'>();
expectTypeOf<GuestIssue>().toExtend<z.core.$ZodIssue>();
expectTypeOf<z.core.$ZodIssue['code']>().toEqualTypeOf<GuestIssue['code']>();
expectTypeOf<GuestValidationError>().toExtend<z.ZodError>();
expectTypeOf<GuestValidationError>().toExtend<z.ZodError<GuestRequest>>();
const tree = z.treeifyError(invalid);
expectTypeOf(tree.properties?.email?.errors).toEqualTypeOf<string[] | undefined>();
expectTypeOf(invalid.format((issue) => issue.code).email?._errors).toEqualTypeOf<GuestIssue['code'][] | undefined>();
expectTypeOf(invalid.flatten((issue) => issue.path.length).fieldErrors.name).toEqualTypeOf<number[] | undefined>();

// The schema's types are those of the same schema written in zod.
const inZod = z.object({
  email: z.string().email(),
  consent: z.boolean().refine((given) => given === true),
  channelId: z.string().min(1),
  name: z.string().max(100).optional(),
  attributes: z.record(z.string(), z.any()).optional(),
});
expectTypeOf<GuestRequest>().toEqualTypeOf<z.infer<typeof inZod>>();
expectTypeOf<z.infer<typeof GuestRequestSchema>>().toEqualTypeOf<z.infer<typeof inZod>>();
expectTypeOf<z.input<typeof GuestRequestSchema>>().toEqualTypeOf<z.input<typeof inZod>>();
expectTypeOf(GuestRequestSchema.parse).returns.toEqualTypeOf<z.infer<typeof inZod>>();
expectTypeOf(GuestRequestSchema.parseAsync).returns.resolves.toEqualTypeOf<z.infer<typeof inZod>>();
expectTypeOf(GuestRequestSchema.safeParse).returns.toExtend<z.ZodSafeParseResult<GuestRequest>>();
expectTypeOf(GuestRequestSchema.safeParseAsync).returns.resolves.toExtend<z.ZodSafeParseResult<GuestRequest>>();
type Standard = (typeof GuestRequestSchema)['~standard'];
expectTypeOf<Standard>().toExtend<z.core.$ZodStandardSchema<typeof inZod>>();
expectTypeOf<NonNullable<Standard['types']>['output']>().toEqualTypeOf<GuestRequest>();
// @ts-expect-error it is no schema of zod's and cannot be a part of one
z.array(GuestRequestSchema);
