import type { PublisherRef } from '../../domain/publisher';
import { refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HOLDS, MINE, STILL_PENDING, holdValues, lostRelay, unguessed } from './holds';
import type { HeldRelay } from './holds';

/** An event that can never be sent: kept, with status failed, a code and a reason. */
export interface Parked {
  readonly eventId: string;
  /** It is a copy that is parked, not the event. */
  readonly copyId?: string | undefined;
  readonly code: string;
  readonly reason: string;
}

/** A plan of a replay waits for it: no time of parking lies before the cut and becomes visible after it. */
const HELD = `held as materialized (select 1 from outbox.relays where ${HOLDS} for key share)`;

/**
 * Parks events of a publisher of this relay, which are in no transaction: status failed, with code and reason. Attempts count refusals of that
 * very event, so the refusal that parks it counts as one. Rejects with FENCED when the relay is lost.
 */
export async function parkOnRelay(
  db: Db,
  held: HeldRelay,
  ref: PublisherRef,
  parked: readonly Parked[],
): Promise<void> {
  const rows = await query<{ holds: boolean }>(
    db,
    `with ${HELD}, parked as (
       update outbox.events e
       set status = 'failed', error_code = u.code, error_reason = u.reason, failed_at = clock_timestamp(), attempts = e.attempts + 1
       from held, outbox.publishers p, unnest($7::bigint[], $8::text[], $9::text[]) as u (id, code, reason)
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and ${MINE}
         and e.tenant_id = $4 and e.event_id = u.id and ${STILL_PENDING}
       returning e.event_id
     ), counted as (
       insert into outbox.relay_counts as c (tenant_id, destination, shard, relay, parked)
       select $4::text, $5::text, $6::smallint, $1::smallint, count(*) from parked having count(*) > 0
       on conflict (tenant_id, destination, shard, relay) do update set parked = c.parked + excluded.parked
     )
     select true as holds from held`,
    [
      ...holdValues(held),
      ...refValues(ref),
      parked.map(({ eventId }) => eventId),
      parked.map(({ code }) => code),
      parked.map(({ reason }) => reason.slice(0, 2_000)),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'parking events');
}

/**
 * Marks copies of replays as failed, which are in no transaction. Nothing waits for them, and their replays say how many there were. Rejects
 * with FENCED when the relay is lost.
 */
export async function failCopies(db: Db, held: HeldRelay, ref: PublisherRef, failed: readonly Parked[]): Promise<void> {
  const rows = await query(
    db,
    `with ${HELD}, failed as (
       update outbox.replay_events r
       set status = 'failed', error_code = u.code, error_reason = u.reason, failed_at = clock_timestamp()
       from held, outbox.publishers p, unnest($7::bigint[], $8::text[], $9::text[]) as u (id, code, reason)
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and ${MINE}
         and r.tenant_id = $4 and r.copy_id = u.id and ${unguessed(`r.status = 'pending'`)}
       returning r.replay_id
     ), counted as (
       update outbox.replays s set failed = s.failed + c.n
       from (select replay_id, count(*) as n from failed group by replay_id) c
       where s.tenant_id = $4 and s.replay_id = c.replay_id
     )
     select 1 from held`,
    [
      ...holdValues(held),
      ...refValues(ref),
      failed.map(({ copyId }) => copyId),
      failed.map(({ code }) => code),
      failed.map(({ reason }) => reason.slice(0, 2_000)),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'marking copies as failed');
}

/** Refused, but not often enough to be parked. Rejects with FENCED when the relay is lost. */
export async function countRefusals(db: Db, held: HeldRelay, ref: PublisherRef, ids: readonly string[]): Promise<void> {
  const rows = await query(
    db,
    `with ${HELD}, counted as (
       update outbox.events e set attempts = e.attempts + 1 from held, outbox.publishers p
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and ${MINE}
         and e.tenant_id = $4 and e.event_id = any ($7::bigint[]) and ${STILL_PENDING}
     ) select 1 from held`,
    [...holdValues(held), ...refValues(ref), ids],
  );
  if (rows.length === 0) throw lostRelay(held, 'counting refusals');
}
