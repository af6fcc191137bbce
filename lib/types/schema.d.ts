import type { GuestValidationError } from './errors';
import type { GuestRequest } from './guest';

/** Result of `safeParse`, in zod's shape. */
export type GuestParseResult =
  | { success: true; data: GuestRequest; error?: never }
  | { success: false; data?: never; error: GuestValidationError };

/** Standard Schema v1, its `~standard` property, written inline as its specification invites to. */
export interface StandardSchemaProps<Input, Output> {
  readonly version: 1;
  readonly vendor: string;
  readonly validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** Result of `~standard.validate`: `issues` tells the two apart. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<StandardSchemaIssue> };

export interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/**
 * Validates guest requests: accepts, refuses and reports what zod 4 does for the tutorial's schema. Not a zod type: it
 * cannot be extended or nested in one, but `z.infer<typeof GuestRequestSchema>` gives `GuestRequest`, and everything
 * that takes a Standard Schema takes it.
 */
export interface GuestRequestSchemaType {
  /**
   * Gives a new object with the known fields.
   * @throws GuestValidationError with every issue
   */
  parse(data: unknown): GuestRequest;
  /** Never throws for bad data. */
  safeParse(data: unknown): GuestParseResult;
  /** `parse`, as a promise. */
  parseAsync(data: unknown): Promise<GuestRequest>;
  /** `safeParse`, as a promise. */
  safeParseAsync(data: unknown): Promise<GuestParseResult>;
  readonly '~standard': StandardSchemaProps<GuestRequest, GuestRequest>;
  /** For the type level only: what `z.infer`, `z.input` and `z.output` read. */
  readonly _zod: { readonly input: GuestRequest; readonly output: GuestRequest };
}
