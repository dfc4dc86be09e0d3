import type { PublisherRef } from '../domain/publisher';
import type { PublisherRow } from '../domain/settlement';
import { OutboxError } from '../domain/errors';
import { ASLEEP } from './hold-key';
import type { Db } from './query';
import { query } from './query';
import { ALL_PAUSED } from './global-pause';

export type PublisherRowState = 'sleeping' | 'held' | 'waking' | 'running' | 'paused' | 'throttled' | 'open' | 'halted';

/** One row of outbox.publishers. Times are ms since epoch by the database's clock. */
export interface PublisherRecord extends PublisherRow, PublisherRef {
  /** As D0 returns it to the drain that takes over: see `fenceOf`. */
  readonly fence: string;
  readonly revision: number;
  readonly state: PublisherRowState;
  /** When `state` ends: the sweep takes over then, or for a workflow's wait a grace later; null = until something else changes it. */
  readonly stateUntil: number | null;
  /** The worker that took over last. */
  readonly drainedBy: string | null;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly paused: Readonly<Record<string, unknown>> | null;
  readonly halted: Readonly<Record<string, unknown>> | null;
  readonly breaker: Readonly<Record<string, unknown>> | null;
  /** Topics that take no events, with their error codes; see `blockedCodes`. */
  readonly blocked: Readonly<Record<string, unknown>> | null;
  /** The database's clock when this was read. */
  readonly now: number;
}

/** A worker that dies keeps the sweep away this long; every recorded batch and `keepRunning` renew it. */
export const RUNNING_MS = 30_000;
/** From the decision to wake until the drain has taken over; a lost signal is healed after it. */
export const WAKING_MS = 5_000;

const MS = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`;
const IS_REF = 'tenant_id = $1 and destination = $2 and shard = $3';

/**
 * A fence as drains hold it: the number in the row, and which server and table it was read from. One value, so that no
 * comparison can forget the second half. The number alone is given again by a database that lost the last commits, after a
 * fail-over or from an older copy: what a drain remembers would then match the row by chance. A server that was restarted or
 * promoted has another start time; a database or table that was restored beside or in place of the old one has another file. A
 * system identifier is the same on a standby, the timeline needs privileges, and both say nothing of a restored table.
 */
export const fenceOf = (number: string): string =>
  `concat(${number}, '@', extract(epoch from pg_postmaster_start_time()), '/', pg_relation_filepath('outbox.publishers'))`;

const COLUMNS = `tenant_id as tenant, destination, shard::int, ${fenceOf('fence')} as fence, recorded::float8, settled::float8,
  ${MS('settled_at')} as "settledAt", revision::float8, state, ${MS('state_until')} as "stateUntil",
  drained_by as "drainedBy", limits, paused, halted, breaker, blocked, ${MS('clock_timestamp()')} as now`;
export const HOLDS_FENCE = `${fenceOf('fence')} = $4`;

/** The three parameters that name a publisher, always $1 to $3. */
export function refValues(ref: PublisherRef): [string, string, number] {
  return [ref.tenant, ref.destination, ref.shard];
}

/**
 * D0: raises the fence, so that every write of older drains finds 0 rows. Creates the row if there is none. With `from`
 * only if the fence is still that one, else FENCED: a drain that takes over again after a doubt must not fence a newer one.
 */
export async function takeOver(
  db: Db,
  ref: PublisherRef,
  worker: string,
  from: string | null = null,
): Promise<PublisherRecord> {
  const [row] = await query<PublisherRecord>(
    db,
    `insert into outbox.publishers as p (tenant_id, destination, shard, fence, state, state_until, drained_by)
     values ($1, $2, $3, 1, 'running', clock_timestamp() + $5::int * interval '1 ms', $4)
     on conflict (tenant_id, destination, shard) do update
       set fence = p.fence + 1, state = 'running', state_until = excluded.state_until, drained_by = excluded.drained_by,
           updated_at = clock_timestamp()
       where $6::text is null or ${fenceOf('p.fence')} = $6
     returning ${COLUMNS}`,
    [...refValues(ref), worker, RUNNING_MS, from],
  );
  if (row === undefined && from !== null) throw fenced(ref, from, await readPublisher(db, ref));
  if (row === undefined) throw new OutboxError('INTERNAL', 'Taking over returned no row. Please report this.');
  return row;
}

/** The publisher's row, or null before its first drain. */
export async function readPublisher(db: Db, ref: PublisherRef): Promise<PublisherRecord | null> {
  const rows = await query<PublisherRecord>(
    db,
    `select ${COLUMNS} from outbox.publishers where ${IS_REF}`,
    refValues(ref),
  );
  return rows[0] ?? null;
}

/** Throws FENCED unless the row's fence is still `fence`. */
export async function checkFence(db: Db, ref: PublisherRef, fence: string): Promise<PublisherRecord> {
  const row = await readPublisher(db, ref);
  if (row === null || row.fence !== fence) throw fenced(ref, fence, row);
  return row;
}

/** Says that the drain still lives (while it lingers). False when fenced. */
export async function keepRunning(db: Db, ref: PublisherRef, fence: string): Promise<boolean> {
  return (
    (await setState(db, ref, 'running', `clock_timestamp() + ${RUNNING_MS} * interval '1 ms'`, HOLDS_FENCE, [fence])) >
    0
  );
}

/**
 * The drain found nothing to do: from now on enqueuers notify. Answers null when fenced, else the row's revision. An event that
 * committed between the last look and this write notified nobody, so the caller looks once more (`pendingExists`) after it, and
 * so it does if the revision is not that of its last selection: an operator may have released a key. Who does not look says
 * `sleeping`; else the row says whether all that is left is held, and no topic is blocked, for nothing waits for one.
 */
export async function fallAsleep(
  db: Db,
  ref: PublisherRef,
  fence: string,
  as?: 'sleeping',
): Promise<{ revision: number } | null> {
  const rows = await query<{ revision: number }>(
    db,
    `update outbox.publishers set state = ${as === undefined ? `${ASLEEP}, blocked = null` : `'${as}'`}, state_until = null, updated_at = clock_timestamp()
     where ${IS_REF} and ${HOLDS_FENCE} returning revision::float8`,
    [...refValues(ref), fence],
  );
  return rows[0] ?? null;
}

/** What the workflow knows: paused, throttled or open `until` (ms since epoch, null = until an operator acts), halted … */
export async function setPublisherState(
  db: Db,
  ref: PublisherRef,
  state: PublisherRowState,
  until: number | null,
): Promise<void> {
  await setState(db, ref, state, `to_timestamp($4::float8 / 1000)`, 'true', [until]);
}

/**
 * Marks sleeping and held publishers as waking and returns them: only those need a signal. Rows whose waking or running ran out
 * (lost signal, dead worker) count as sleeping; missing rows are made. Paused, throttled, open and halted ones stay.
 * While everything is paused nobody is woken: the sweep finds them afterwards.
 */
export async function wakePublishers(db: Db, refs: readonly PublisherRef[]): Promise<PublisherRef[]> {
  if (refs.length === 0) return [];
  // Sorted, so that two wakers lock rows in one order and cannot deadlock; distinct, because a row may change once.
  return query<PublisherRef & Record<string, unknown>>(
    db,
    `insert into outbox.publishers as p (tenant_id, destination, shard, state, state_until)
     select u.tenant, u.destination, u.shard, 'waking', clock_timestamp() + ${WAKING_MS} * interval '1 ms'
     from (select distinct tenant collate "C" as tenant, destination collate "C" as destination, shard
           from unnest($1::text[], $2::text[], $3::smallint[]) as r (tenant, destination, shard)) u
     where not ${ALL_PAUSED}
     order by u.tenant, u.destination, u.shard
     on conflict (tenant_id, destination, shard) do update
       set state = 'waking', state_until = excluded.state_until, updated_at = clock_timestamp()
       where p.state in ('sleeping', 'held') or (p.state in ('waking', 'running') and p.state_until < clock_timestamp())
     returning tenant_id as tenant, destination, shard::int`,
    refColumns(refs),
  );
}

/** Refs as three parallel arrays. */
export function refColumns(refs: readonly PublisherRef[]): [string[], string[], number[]] {
  return [refs.map((ref) => ref.tenant), refs.map((ref) => ref.destination), refs.map((ref) => ref.shard)];
}

/** The error of a write that found another fence. */
export function fenced(ref: PublisherRef, fence: string, row: PublisherRecord | null): OutboxError {
  const sameNumber = row !== null && row.fence.split('@')[0] === fence.split('@')[0];
  const why = sameNumber
    ? 'The publisher was taken over on another server: Postgres was restarted, promoted or restored. Stop, and take over anew.'
    : 'Another drain took this publisher over. Stop; the other one goes on.';
  return new OutboxError('FENCED', why, {
    details: { ...refOf(ref), fence, found: row?.fence ?? null, drainedBy: row?.drainedBy ?? null },
  });
}

export function refOf(ref: PublisherRef): { tenant: string; destination: string; shard: number } {
  return { tenant: ref.tenant, destination: ref.destination, shard: ref.shard };
}

async function setState(
  db: Db,
  ref: PublisherRef,
  state: PublisherRowState,
  until: string,
  condition: string,
  values: unknown[],
): Promise<number> {
  const rows = await query(
    db,
    `update outbox.publishers set state = '${state}', state_until = ${until}, updated_at = clock_timestamp()
     where ${IS_REF} and ${condition} returning 1`,
    [...refValues(ref), ...values],
  );
  return rows.length;
}
