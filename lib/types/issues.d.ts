// The issues of zod 4, written out so that zod need not be installed to read these types. All of its kinds are listed,
// although validation of a guest request reports six at most: code that formats zod's issues compiles unchanged.

interface IssueBase {
  readonly input?: unknown;
  /** Where it is: `[]` is the payload itself. */
  readonly path: PropertyKey[];
  readonly message: string;
}

type Primitive = string | number | symbol | bigint | boolean | null | undefined;

interface InvalidTypeIssue extends IssueBase {
  readonly code: 'invalid_type';
  /** `string`, `boolean`, `object`, `record` and so on. */
  readonly expected: string;
}

interface InvalidFormatIssue extends IssueBase {
  readonly code: 'invalid_format';
  /** `email` here. */
  readonly format: string;
  /** Source of the regular expression. */
  readonly pattern?: string;
  readonly input?: string;
}

interface TooSmallIssue extends IssueBase {
  readonly code: 'too_small';
  readonly origin: string;
  readonly minimum: number | bigint;
  readonly inclusive?: boolean;
  readonly exact?: boolean;
}

interface TooBigIssue extends IssueBase {
  readonly code: 'too_big';
  readonly origin: string;
  readonly maximum: number | bigint;
  readonly inclusive?: boolean;
  readonly exact?: boolean;
}

interface CustomIssue extends IssueBase {
  readonly code: 'custom';
  // biome-ignore lint/suspicious/noExplicitAny: zod's type
  readonly params?: Record<string, any> | undefined;
}

interface InvalidKeyIssue extends IssueBase {
  readonly code: 'invalid_key';
  readonly origin: 'map' | 'record';
  readonly issues: GuestIssue[];
}

interface InvalidElementIssue extends IssueBase {
  readonly code: 'invalid_element';
  readonly origin: 'map' | 'set';
  readonly key: unknown;
  readonly issues: GuestIssue[];
}

interface InvalidValueIssue extends IssueBase {
  readonly code: 'invalid_value';
  readonly values: Primitive[];
}

interface InvalidUnionIssue extends IssueBase {
  readonly code: 'invalid_union';
  readonly errors: GuestIssue[][];
  readonly discriminator?: string | undefined;
  readonly inclusive?: true;
}

interface NotMultipleOfIssue extends IssueBase {
  readonly code: 'not_multiple_of';
  readonly divisor: number;
  readonly input?: number | bigint;
}

interface UnrecognizedKeysIssue extends IssueBase {
  readonly code: 'unrecognized_keys';
  readonly keys: string[];
  readonly input?: Record<string, unknown>;
}

/** One thing that is wrong with a payload, as zod 4 reports it. Assignable to zod's own `z.core.$ZodIssue`. */
type GuestIssue =
  | InvalidTypeIssue
  | InvalidFormatIssue
  | TooSmallIssue
  | TooBigIssue
  | CustomIssue
  | InvalidKeyIssue
  | InvalidElementIssue
  | InvalidValueIssue
  | InvalidUnionIssue
  | NotMultipleOfIssue
  | UnrecognizedKeysIssue;

export type {
  CustomIssue,
  GuestIssue,
  InvalidElementIssue,
  InvalidFormatIssue,
  InvalidKeyIssue,
  InvalidTypeIssue,
  InvalidUnionIssue,
  InvalidValueIssue,
  NotMultipleOfIssue,
  TooBigIssue,
  TooSmallIssue,
  UnrecognizedKeysIssue,
};
