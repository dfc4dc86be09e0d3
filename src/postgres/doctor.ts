import type { Pool } from 'pg';
import { classify } from './errors';
import { query } from './query';
import type { Db } from './query';

/** What of a Postgres server can silently harm the outbox. */
export interface PostgresFindings {
  readonly version: string;
  /** This process' clock minus the database's, ms, as seen over one round trip. */
  readonly clockDifferenceMs: number;
  /** Transactions open for long: they hold back vacuum for the whole database, and claims walk over what it cannot remove. */
  readonly hanging: readonly {
    readonly pid: number;
    readonly user: string | null;
    readonly application: string | null;
    readonly state: string | null;
    readonly seconds: number;
  }[];
  /** Prepared transactions, of two-phase commit, that nobody finished. */
  readonly prepared: number;
}

/** Seconds after which an open transaction is no longer normal: our own statements end after 30. */
export const HANGING_SECONDS = 60;

/**
 * Looks at this database only. A role without pg_read_all_stats sees the others' transactions without their state. `hangingSeconds`: after
 * which an open transaction counts as hanging.
 */
export async function examinePostgres(pool: Pool, hangingSeconds = HANGING_SECONDS): Promise<PostgresFindings> {
  // A connection first: waiting for one would count as a difference of the clocks.
  const client = await pool.connect().catch((error: unknown) => {
    throw classify(error);
  });
  try {
    return await examine(client, hangingSeconds);
  } finally {
    client.release();
  }
}

async function examine(db: Db, hangingSeconds: number): Promise<PostgresFindings> {
  const asked = Date.now();
  const [clock] = await query<{ now: number; version: string; prepared: number }>(
    db,
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now, current_setting('server_version') as version,
            (select count(*)::int from pg_prepared_xacts where database = current_database()
               and prepared < clock_timestamp() - $1::float8 * interval '1 s') as prepared`,
    [hangingSeconds],
  );
  const middle = (asked + Date.now()) / 2;
  const hanging = await query<PostgresFindings['hanging'][number] & Record<string, unknown>>(
    db,
    `select pid, usename as user, application_name as application, state,
            extract(epoch from clock_timestamp() - xact_start)::float8 as seconds
     from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
       and xact_start < clock_timestamp() - $1::float8 * interval '1 s'
     order by xact_start limit 20`,
    [hangingSeconds],
  );
  return {
    version: clock?.version ?? '',
    clockDifferenceMs: middle - (clock?.now ?? middle),
    hanging,
    prepared: clock?.prepared ?? 0,
  };
}
