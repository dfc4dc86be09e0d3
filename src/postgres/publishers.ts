import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';
import { ALL_PAUSED } from './global-pause';

export type PublisherRowState = 'sleeping' | 'held' | 'waking' | 'running' | 'paused' | 'throttled' | 'open';

/** One row of outbox.publishers. Times are ms since epoch by the database's clock. */
export interface PublisherRecord extends PublisherRef {
  /** Raised by every write of an operator or a replay that touches its events: what a relay judged before is judged anew. */
  readonly revision: number;
  readonly state: PublisherRowState;
  /** When `state` ends: the sweep takes over then, or for a workflow's wait a grace later; null = until something else changes it. */
  readonly stateUntil: number | null;
  readonly limits: Readonly<Record<string, unknown>>;
  readonly paused: Readonly<Record<string, unknown>> | null;
  readonly breaker: Readonly<Record<string, unknown>> | null;
  /** Topics that take no events, with their error codes. */
  readonly blocked: Readonly<Record<string, unknown>> | null;
}

/** From the decision to wake until the drain has attached; a lost signal is healed after it. */
export const WAKING_MS = 5_000;

const COLUMNS = `tenant_id as tenant, destination, shard::int, revision::float8, state,
  (extract(epoch from state_until) * 1000)::float8 as "stateUntil", limits, paused, breaker, blocked`;

/** The three parameters that name a publisher, always $1 to $3. */
export function refValues(ref: PublisherRef): [string, string, number] {
  return [ref.tenant, ref.destination, ref.shard];
}

/** The publisher's row, or null before its first wake. */
export async function readPublisher(db: Db, ref: PublisherRef): Promise<PublisherRecord | null> {
  const rows = await query<PublisherRecord & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.publishers where tenant_id = $1 and destination = $2 and shard = $3`,
    refValues(ref),
  );
  return rows[0] ?? null;
}

/**
 * Marks sleeping and held publishers as waking and returns them: only those need a signal. Rows whose waking ran out (a lost
 * signal) count as sleeping; missing rows are made. Paused, throttled and open ones stay, and so do attached ones.
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
