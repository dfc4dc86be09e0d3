/**
 * EVENT_INVALID      the event breaks a rule; the message names field, rule and remedy (OB002)
 * DEDUPE_CONFLICT    the dedupe key was used before with other content (OB001)
 * TENANT_UNAVAILABLE the tenant is unknown or suspended (OB003)
 */
export type EnqueueErrorCode = 'EVENT_INVALID' | 'DEDUPE_CONFLICT' | 'TENANT_UNAVAILABLE';

const CODE_OF: Readonly<Record<string, EnqueueErrorCode>> = {
  OB001: 'DEDUPE_CONFLICT',
  OB002: 'EVENT_INVALID',
  OB003: 'TENANT_UNAVAILABLE',
};

/** Thrown when an event cannot be enqueued as it is. When `sqlstate` came from the server, the transaction is aborted. */
export class EnqueueError extends Error {
  readonly code: EnqueueErrorCode;
  /** OB001, OB002 or OB003, also when the library found the problem before the server did. */
  readonly sqlstate: string;

  constructor(sqlstate: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'EnqueueError';
    this.code = CODE_OF[sqlstate] ?? 'EVENT_INVALID';
    this.sqlstate = sqlstate;
  }
}

/** Our own SQLSTATEs as EnqueueError. Everything else stays the driver's error: callers retry on its code (40001, 08006 …). */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const { code } = error;
  return typeof code === 'string' && code in CODE_OF ? new EnqueueError(code, error.message, error) : error;
}
