import type { ConnectionOptions } from 'node:tls';
import { Pool } from 'pg';
import type { PoolClient } from 'pg';
import { OutboxError } from '../domain/errors';
import { classify } from './errors';
import { query } from './query';
import type { Db } from './query';

export interface PoolOptions {
  readonly max?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Overrides what sslmode in the URL says. */
  readonly ssl?: ConnectionOptions | boolean;
  /** No statement runs longer, ms. */
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
  /** A transaction that was left open ends after this time, ms: it would hold back vacuum for the whole database. */
  readonly idleInTransactionTimeoutMs?: number;
  /** How long to wait for a connection, ms. */
  readonly connectTimeoutMs?: number;
  /**
   * True when the URL names a transaction pooler. PgBouncer refuses connections with startup parameters that it does not
   * know, so the time-outs are then left to `alter role … set statement_timeout = …` and to the client-side limit, and
   * the planner's settings to `alter role … set random_page_cost = 1.1`.
   */
  readonly throughPooler?: boolean;
  /**
   * For drains: some of their statements are prepared, where `throughPooler` allows it. A plan that is kept since a table was empty
   * reads the whole of it when it has grown, and no sequential scan where an index serves is what rules that out.
   */
  readonly prepares?: boolean;
  /** An idle connection broke (server restart, fail-over). The pool replaces it; this is for the log. */
  readonly onError?: (error: OutboxError) => void;
}

/**
 * With the default random_page_cost of 4 a read of the next of 8,000 to 50,000 pending events is planned as a bitmap scan, a sort of
 * them all on disk and two parallel workers, again for every batch: 153 ms against 31 ms over the pending index in its order.
 */
const PLANNER = '-c random_page_cost=1.1 -c max_parallel_workers_per_gather=0';

/** Without it a plan that was made after a vacuum of empty tables read all of 20,000 events (test/integration/postgres/prepared.test.ts). */
const PREPARED = '-c enable_seqscan=off';

/** A pool with time-outs on everything. Never throws for an unreachable server: the first query does. */
export function createPool(url: string, options: PoolOptions = {}): Pool & Pick<Db, 'prepares'> {
  const prepares = options.prepares === true && options.throughPooler !== true;
  const statementTimeout = options.statementTimeoutMs ?? 30_000;
  const pool = new Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: options.applicationName ?? 'temporal-outbox',
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    // A server that hangs or a link that swallows packets never answers with its own time-out.
    query_timeout: statementTimeout + 5_000,
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.throughPooler === true
      ? {}
      : {
          statement_timeout: statementTimeout,
          lock_timeout: options.lockTimeoutMs ?? 10_000,
          idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 30_000,
          options: prepares ? `${PLANNER} ${PREPARED}` : PLANNER,
        }),
  });
  return Object.assign(
    withoutUnheardErrors(pool, (error) => options.onError?.(classify(error))),
    { prepares },
  );
}

/**
 * pg emits an 'error' besides rejecting, and an error that nobody listens to ends the process. The pool listens to a connection only
 * while it is idle; whoever takes it listens a turn too late: a server that dies right after it has let somebody in says so in the
 * same packet (seen when Postgres was killed while connections were made).
 */
export function withoutUnheardErrors(pool: Pool, onIdleError: (error: Error) => void = () => undefined): Pool {
  pool.on('error', onIdleError);
  return pool.on('connect', (client) => client.on('error', () => undefined));
}

/** Runs `fn` in one transaction. A connection that breaks or whose rollback fails is thrown away, never reused. */
export async function withTransaction<T>(pool: Pool, fn: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw classify(error);
  });
  let broken: Error | undefined;
  // One that breaks between two statements fails none of them; it must not go back to the pool.
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    await query(client, 'begin');
    const result = await fn(client);
    await query(client, 'commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken ??= failure;
    });
    throw error;
  } finally {
    client.release(broken);
    client.off('error', onError);
  }
}

/** Throws CONFIG_INVALID when a commit would be acknowledged before it is on disk: accepted must mean durable. */
export async function checkDurability(db: Db): Promise<void> {
  const [row] = await query<{ commit: string; fsync: string }>(
    db,
    `select current_setting('synchronous_commit') as commit, current_setting('fsync') as fsync`,
  );
  if (row?.commit === 'off' || row?.fsync === 'off') {
    throw new OutboxError(
      'CONFIG_INVALID',
      `Postgres runs with synchronous_commit=${row.commit}, fsync=${row.fsync}: a crash would lose accepted events. Turn both on for this role and database.`,
    );
  }
}
