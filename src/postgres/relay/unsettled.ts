import type { Db } from '../query';
import { query } from '../query';
import { PUBLISH_COPIES, countCopies, lockCopies } from './copies';
import { HOLDS, holdValues } from './holds';
import type { HeldRelay } from './holds';
import { RESULT, counted, toResult } from './settle';
import type { ResultRow, SettleResult } from './settle';

const AT_ONCE = 500;

/**
 * Tries again to mark what Kafka has committed and whose row was locked, in its turn without waiting for any. Answers what was marked, and
 * how many are left. Rejects with FENCED when the relay is lost.
 */
export async function retryUnsettled(db: Db, held: HeldRelay): Promise<SettleResult> {
  const events = await retryEvents(db, held);
  if (events.unsettled === 0) return events;
  const { counts, unsettled } = await retryCopies(db, held);
  return { counts: [...events.counts, ...counts], unsettled };
}

/** A plan of a replay waits for it: no time of publishing lies before the cut and becomes visible after it. */
const HELD = `held as materialized (select 1 from outbox.relays where ${HOLDS} for key share)`;

async function retryEvents(db: Db, held: HeldRelay): Promise<SettleResult> {
  const rows = await query<ResultRow>(
    db,
    `with ${HELD}, m as materialized (
       select u.* from held, outbox.unsettled u where u.relay = $1 and u.replay_id = '' order by u.at limit ${AT_ONCE}
       for update of u skip locked
     ), free as (
       select m.*, e.status from m, outbox.events e
       where e.tenant_id = m.tenant_id and e.event_id = m.event_id for update of e skip locked
     ), done as (
       update outbox.events e
       set status = 'published', published_at = clock_timestamp(), topic_partition = m.topic_partition, topic_offset = m.topic_offset,
           batch_relay = m.relay, batch_seq = m.seq, error_code = null, error_reason = null, failed_at = null
       from free m
       where e.tenant_id = m.tenant_id and e.event_id = m.event_id and m.status <> 'published'
         and outbox.fingerprint(e.dedupe_key, e.created_at) = m.fingerprint
       returning e.tenant_id, e.destination, e.shard, e.event_id, coalesce(octet_length(e.payload), 0) as bytes
     ), ${counted('done')}, over as (
       -- Marked now or before, or gone with its tenant.
       delete from outbox.unsettled u using m
       where u.tenant_id = m.tenant_id and u.event_id = m.event_id and u.replay_id = m.replay_id
         and (exists (select from free f where f.tenant_id = m.tenant_id and f.event_id = m.event_id)
           or not exists (select from outbox.events e where e.tenant_id = m.tenant_id and e.event_id = m.event_id))
       returning 1
     ), ${REST}
     ${RESULT}`,
    holdValues(held),
  );
  return toResult(held, rows, 'marking what was locked');
}

const REST = `rest as (
       select 1 from outbox.unsettled u, held where u.relay = $1 offset (select count(*) from over)
     )`;

async function retryCopies(db: Db, held: HeldRelay): Promise<SettleResult> {
  const rows = await query<ResultRow>(
    db,
    `with ${HELD}, c as materialized (
       select u.tenant_id as tenant, u.event_id as id, u.replay_id as replay, u.seq, u.topic_partition as partition, u.topic_offset as position
       from held, outbox.unsettled u where u.relay = $1 and u.replay_id <> '' order by u.at limit ${AT_ONCE}
       for update of u skip locked
     )${lockCopies(true)}${PUBLISH_COPIES}${countCopies('copied')}, ${counted('copied')}, over as (
       delete from outbox.unsettled u using c
       where u.tenant_id = c.tenant and u.event_id = c.id and u.replay_id = c.replay
         and (exists (select from copied d where d.tenant_id = c.tenant and d.event_id = c.id and d.replay_id = c.replay)
           or not exists (select from outbox.replay_events r where r.tenant_id = c.tenant and r.event_id = c.id
                and r.replay_id = c.replay and r.status <> 'published'))
       returning 1
     ), ${REST}
     ${RESULT}`,
    holdValues(held),
  );
  return toResult(held, rows, 'marking copies that were locked');
}
