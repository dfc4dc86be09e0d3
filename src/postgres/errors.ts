import { OutboxError, errorMessage, isOutboxError } from '../domain/errors';

/** SQLSTATEs of our own SQL functions. */
export const SQLSTATE = {
  /** The dedupe key was used before, with other content. */
  conflict: 'OB001',
  /** The event breaks a rule; the message names field, rule and remedy. */
  invalid: 'OB002',
  /** The tenant is unknown or suspended. */
  tenant: 'OB003',
} as const;

/** Classes 08 connection, 53 resources, 57 operator intervention, 40 rollback, 55 object not in the required state, 25P0x time-outs. */
const PASSING = /^(08|53|57|40|55|25P0[3-5])/;

/** A prepared statement that is not there, or is there already: the session behind the connection is not the one it was. */
const POOLED = /^(26000|42P05)$/;

/**
 * Any error of `pg` as an OutboxError: POSTGRES_UNAVAILABLE when the same statement may succeed later, POSTGRES_REFUSED
 * when it will not. The server's `detail` and `where` stay behind, because they quote stored values.
 */
export function classify(error: unknown): OutboxError {
  if (isOutboxError(error)) return error;
  const sqlstate = sqlstateOf(error);
  const details = {
    sqlstate: sqlstate ?? null,
    constraint: fieldOf(error, 'constraint'),
    table: fieldOf(error, 'table'),
  };
  if (sqlstate === null || PASSING.test(sqlstate)) {
    return new OutboxError(
      'POSTGRES_UNAVAILABLE',
      `Postgres does not answer: ${errorMessage(error)}. Check DATABASE_URL and the server's health; the work is retried.`,
      { cause: error, details },
    );
  }
  return new OutboxError(
    'POSTGRES_REFUSED',
    `Postgres refused a statement (${sqlstate}): ${errorMessage(error)}. ${remedyFor(sqlstate)}`,
    { cause: error, details },
  );
}

function remedyFor(sqlstate: string): string {
  return POOLED.test(sqlstate)
    ? 'DATABASE_URL seems to name a transaction pooler: set DATABASE_DIRECT_URL to the server itself, then nothing is prepared through the pooler.'
    : 'Check that the schema is current: migrate status.';
}

/**
 * True if Postgres can never store these values: classes 22 (data) and 23 (constraints). Other refusals, as of a server that is read-only
 * during a fail-over, of missing rights or of a schema that is being migrated, end when somebody has mended their cause.
 */
export function isBadData(error: unknown): boolean {
  return isOutboxError(error) && /^2[23]/.test(String(error.details['sqlstate']));
}

/** True if the statement was cancelled, by its time-out or by an administrator: SQLSTATE 57014. */
export function isCancelled(error: unknown): boolean {
  return isOutboxError(error) && error.details['sqlstate'] === '57014';
}

/** The five-character SQLSTATE of an error of `pg`, or null when it did not come from the server. */
export function sqlstateOf(error: unknown): string | null {
  const code = fieldOf(error, 'code');
  return code !== null && /^[0-9A-Z]{5}$/.test(code) && fieldOf(error, 'severity') !== null ? code : null;
}

function fieldOf(error: unknown, name: string): string | null {
  if (typeof error !== 'object' || error === null) return null;
  const value: unknown = (error as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : null;
}
