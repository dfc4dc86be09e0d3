import { OutboxError } from '../../domain/errors';

/**
 * S: the identity of the Postgres server that answers. Another one after a restart, a promotion, and a restore: the start time differs,
 * or the table has another file. A system identifier is the same on a standby and says nothing of a restored table.
 */
export const SERVER = `concat(extract(epoch from pg_postmaster_start_time()), '/', pg_relation_filepath('outbox.relays'))`;

/**
 * Where the server stands among its copies, for a barrier. The timeline is that of the log that is written now: the control file names it only
 * after the first checkpoint of a promoted server.
 */
export const ORIGIN = `(select system_identifier::text from pg_control_system()) as system,
  ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint::float8 as timeline`;

/** Where the server's own log stands, in bytes. */
export const WAL = `pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`;

/** A relay as its holder has it since the last take-over. Every statement of the relay requires fence and server in itself. */
export interface HeldRelay {
  readonly relay: number;
  readonly fence: number;
  readonly server: string;
}

/** $1 to $3 of every statement of a relay. */
export function holdValues({ relay, fence, server }: HeldRelay): [number, number, string] {
  return [relay, fence, server];
}

/** True for the row of the relay that $1 to $3 name, while its fence holds on this server. */
export const HOLDS = `relay = $1::smallint and fence = $2::bigint and ${SERVER} = $3::text`;

export const HELD_ROW = `select 1 from outbox.relays where ${HOLDS}`;
/** A table expression with one row while the fence holds, and none afterwards. */
export const HELD = `held as materialized (${HELD_ROW})`;

/**
 * A table expression: relays below N that were not taken over on this server yet. While there is one, what it committed is unknown, and a
 * publisher that a fail-over gave to another relay could have its events sent twice.
 */
export const UNRECOVERED = `unrecovered as materialized (
       select n.relay from outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
       left join outbox.relays r on r.relay = n.relay
       where r.recovered_on is distinct from $3
     )`;

/** Where a write can wait and be tried again: it is refused when somebody has a row locked for longer than this, ms. */
const LOCK_MS = 500;
export const IMPATIENT = `set_config('lock_timeout', '${LOCK_MS}', true)`;

/** The error of a statement that found another fence or server: give up everything that is known under this one. */
export function lostRelay({ relay, fence }: HeldRelay, doing: string): OutboxError {
  return new OutboxError(
    'FENCED',
    `${doing}: relay ${relay} is not held under fence ${fence} any more: it was taken over, or Postgres was restarted, promoted or restored. Take over anew.`,
    { details: { relay, fence } },
  );
}

/** The publisher alias `p` is this relay's. "+ 0": found by its key, never by walking over all that the relay owns. */
export const MINE = `p.owner_relay + 0 = $1::smallint and p.owner_fence = $2::bigint`;

/**
 * A condition on rows whose ids are known, in a form that no partial index serves and of which the planner believes that half of the rows
 * meet it. Statistics are always late for a queue: with "hardly any row is pending" it walked over the backlog once for each id.
 */
export function unguessed(condition: string): string {
  return `case when ${condition} then true end`;
}

export const STILL_PENDING = unguessed(`e.status = 'pending'`);
