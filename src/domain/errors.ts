/**
 * The closed list of error codes. `retryable` says whether trying the same thing again can help; `breaker` whether it
 * counts as a failure of the destination (only those ever open a breaker: fencing, restarts and Postgres errors never do);
 * `park` whether it condemns the one event it names.
 */
export const ERROR_CODES = {
  KAFKA_UNAVAILABLE: { retryable: true, breaker: true, park: false },
  KAFKA_TIMEOUT: { retryable: true, breaker: true, park: false },
  KAFKA_AUTHENTICATION: { retryable: true, breaker: true, park: false },
  KAFKA_NOT_AUTHORIZED: { retryable: true, breaker: true, park: false },
  KAFKA_TOPIC_MISSING: { retryable: true, breaker: true, park: false },
  KAFKA_TOPIC_FORBIDDEN: { retryable: true, breaker: true, park: false },
  KAFKA_TOPIC_UNAVAILABLE: { retryable: true, breaker: true, park: false },
  KAFKA_TOPIC_NOT_ALLOWED: { retryable: true, breaker: true, park: false },
  KAFKA_REFUSED: { retryable: true, breaker: true, park: false },
  KAFKA_FENCED: { retryable: true, breaker: false, park: false },
  KAFKA_INDEFINITE: { retryable: true, breaker: true, park: false },
  EVENT_TOO_LARGE: { retryable: false, breaker: false, park: true },
  EVENT_REFUSED: { retryable: false, breaker: false, park: true },
  LEDGER_MISMATCH: { retryable: false, breaker: false, park: false },
  FENCED: { retryable: true, breaker: false, park: false },
  POSTGRES_UNAVAILABLE: { retryable: true, breaker: false, park: false },
  POSTGRES_REFUSED: { retryable: false, breaker: false, park: false },
  TEMPORAL_UNAVAILABLE: { retryable: true, breaker: false, park: false },
  SHUTTING_DOWN: { retryable: true, breaker: false, park: false },
  CONFIG_INVALID: { retryable: false, breaker: false, park: false },
  SCHEMA_MISMATCH: { retryable: false, breaker: false, park: false },
  INTERNAL: { retryable: true, breaker: false, park: false },
} as const satisfies Record<string, { retryable: boolean; breaker: boolean; park: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

const MARK = Symbol.for('temporal-outbox.error');

/** An error with a code of the closed list. Its message ends with the remedy. */
export class OutboxError extends Error {
  readonly [MARK] = true;
  readonly code: ErrorCode;
  /** Facts for the log line: ids and names, never payloads or secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'OutboxError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** True for our own errors, also across two copies of this module (jest and the workflow sandbox load several). */
export function isOutboxError(error: unknown): error is OutboxError {
  return typeof error === 'object' && error !== null && MARK in error;
}

/** The text of any thrown value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
