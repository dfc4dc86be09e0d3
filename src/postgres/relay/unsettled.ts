import type { Db } from '../query';
import { query } from '../query';
import { HELD, holdValues } from './holds';
import type { HeldRelay } from './holds';
import { COUNTED, RESULT, toResult } from './settle';
import type { ResultRow, SettleResult } from './settle';

const AT_ONCE = 500;

/**
 * Tries again to mark what Kafka has committed and whose row was locked, in its turn without waiting for any. Answers what was marked, and
 * how many are left. Rejects with FENCED when the relay is lost.
 */
export async function retryUnsettled(db: Db, held: HeldRelay): Promise<SettleResult> {
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
     ), ${COUNTED}, over as (
       -- Marked now or before, or gone with its tenant.
       delete from outbox.unsettled u using m
       where u.tenant_id = m.tenant_id and u.event_id = m.event_id and u.replay_id = m.replay_id
         and (exists (select from free f where f.tenant_id = m.tenant_id and f.event_id = m.event_id)
           or not exists (select from outbox.events e where e.tenant_id = m.tenant_id and e.event_id = m.event_id))
       returning 1
     ), rest as (
       select 1 from outbox.unsettled u, held where u.relay = $1 offset (select count(*) from over)
     )
     ${RESULT}`,
    holdValues(held),
  );
  return toResult(held, rows, 'marking what was locked');
}
