import type { Db } from './query';
import { query } from './query';
import type { ReplayRow } from './replays';
import { refValues } from './publishers';

/**
 * Takes the copies of a paused or cancelled replay out of the lane, except members of an unsettled batch, which finish. Within
 * the caller's transaction: it locks the publisher's row and raises its revision, so that no drain records what it selected
 * before. Paused copies are deleted and made again later, for a lane full of copies that must not be claimed would be walked
 * over by every claim; cancelled ones are kept.
 */
export async function withdrawCopies(db: Db, row: ReplayRow): Promise<void> {
  await query(
    db,
    `update outbox.publishers set revision = revision + 1, updated_at = clock_timestamp()
     where tenant_id = $1 and destination = $2 and shard = $3`,
    refValues(row),
  );
  // A statement of its own: its snapshot is younger than the lock.
  const gone =
    row.state === 'paused'
      ? 'delete from outbox.replay_events r using free'
      : `update outbox.replay_events r set status = 'cancelled' from free`;
  await query(
    db,
    `with free as (
       select r.copy_id from outbox.replay_events r
       where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.status = 'pending' and r.replay_id = $4
         and r.copy_id not in (
           select unnest(b.copy_ids) from outbox.batches b
           where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null and b.copy_ids is not null)
     ), gone as (${gone} where r.tenant_id = $1 and r.copy_id = free.copy_id returning r.event_id)
     update outbox.replays s
     set ${row.state === 'paused' ? 'fed = s.fed - g.n, fed_up_to = least(s.fed_up_to, g.first - 1)' : 'cancelled = s.cancelled + g.n'}
     from (select count(*) as n, min(event_id) as first from gone) g
     where s.tenant_id = $1 and s.replay_id = $4 and g.n > 0`,
    [...refValues(row), row.replayId],
  );
}

/**
 * Fails copies whose event is not stored any more: retention deleted it while its copy was being made. No claim ever finds such
 * a copy, so without this the replay would never end.
 */
export async function failOrphans(db: Db, row: ReplayRow): Promise<void> {
  // First the publisher's row, as settling and parking lock them: the visit may lock it later, and then the two deadlock.
  await query(
    db,
    'select 1 from outbox.publishers where tenant_id = $1 and destination = $2 and shard = $3 for no key update',
    refValues(row),
  );
  await query(
    db,
    `with gone as (
       update outbox.replay_events r
       set status = 'failed', failed_at = clock_timestamp(), error_code = 'EVENT_PURGED',
           error_reason = 'The event was deleted before its copy was sent. Nothing can be done for this one.'
       where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.status = 'pending' and r.replay_id = $4
         and not exists (select from outbox.events e where e.tenant_id = $1 and e.event_id = r.event_id)
       returning 1
     )
     update outbox.replays s set failed = s.failed + g.n from (select count(*) as n from gone) g
     where s.tenant_id = $1 and s.replay_id = $4 and g.n > 0`,
    [...refValues(row), row.replayId],
  );
}
