import type { AnalyticsPayload } from './guest';

/** An analytics event that was given up: the webhook refused it, or it was tried for too long. */
export interface DeadLetter {
  /** The `webhook-id` of every attempt. */
  readonly id: string;
  readonly guestId: string;
  /** The body of the request. */
  readonly event: AnalyticsPayload;
  /** Why the last attempt failed, for people. */
  readonly reason: string;
  /** HTTP status of the last attempt, if there was an answer. */
  readonly status?: number;
  /** Attempts so far. */
  readonly attempts: number;
  /** ISO 8601, by the clock of the machine. */
  readonly firstAttempt: string;
  readonly lastAttempt: string;
}

/** Which dead letters to read. */
export interface DeadLetterPage {
  /** How many at most. Default: all. */
  readonly limit?: number;
  /** The id of the one behind which they begin. Default: the oldest one comes first. */
  readonly after?: string;
}
