import type { GlobalPause } from '../domain/global-pause';
import type { Db } from './query';
import { query } from './query';
import { ATTACHED, UNRECOVERED } from './relay/quiet';

/** True in SQL while nothing may be published at all. One row: the look costs a few microseconds beside any statement. */
export const ALL_PAUSED = `exists (select from outbox.global_pause g where g.until is null or g.until > clock_timestamp())`;

const COLUMNS = `by, why, (extract(epoch from since) * 1000)::float8 as since, (extract(epoch from until) * 1000)::float8 as until`;

/**
 * Pauses all publishing. Drains end with their batch in flight, nobody is woken and the sweep rests; intake goes on. A second
 * pause replaces who, why and until, and keeps since when.
 */
export async function pauseAll(
  db: Db,
  pause: { readonly by: string; readonly why: string; readonly until?: number | null },
): Promise<GlobalPause> {
  const rows = await query<GlobalPause & Record<string, unknown>>(
    db,
    `insert into outbox.global_pause as g (by, why, until) values ($1, $2, to_timestamp($3::float8 / 1000))
     on conflict (only_row) do update
       set by = excluded.by, why = excluded.why, until = excluded.until,
           since = case when g.until <= clock_timestamp() then excluded.since else g.since end
     returning ${COLUMNS}`,
    [pause.by, pause.why, pause.until ?? null],
  );
  return rows[0] as GlobalPause;
}

/** Ends the pause; answers what it was, null if there was none. The sweep wakes those with a backlog within about a second. */
export async function resumeAll(db: Db): Promise<GlobalPause | null> {
  const rows = await query<GlobalPause & Record<string, unknown> & { active: boolean }>(
    db,
    `delete from outbox.global_pause returning ${COLUMNS}, until is null or until > clock_timestamp() as active`,
  );
  const [row] = rows;
  return row?.active === true ? { by: row.by, why: row.why, since: row.since, until: row.until } : null;
}

/** The pause in force, or null; one whose time is over is none. */
export async function readGlobalPause(db: Db): Promise<GlobalPause | null> {
  const rows = await query<GlobalPause & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.global_pause where until is null or until > clock_timestamp()`,
  );
  return rows[0] ?? null;
}

/**
 * Publishers that a pause still waits for, complete at 0: those that are attached, of which a transaction may be on its way. Relays whose last
 * transactions are not known on this server count as one each.
 */
export async function runningPublishers(db: Db): Promise<number> {
  const rows = await query<{ n: number }>(
    db,
    `select count(*)::int as n from outbox.publishers where ${ATTACHED('publishers')}`,
  );
  const [unrecovered] = await query<{ n: number }>(db, `select count(*)::int as n from ${UNRECOVERED} u`);
  return (rows[0]?.n ?? 0) + (unrecovered?.n ?? 0);
}
