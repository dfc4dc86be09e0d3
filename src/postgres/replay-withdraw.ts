import type { Db } from './query';
import { query } from './query';
import type { ReplayRow } from './replays';
import { refValues } from './publishers';

/**
 * Takes the copies of a paused or cancelled replay out of the lane. Within the caller's transaction, under the publisher's row, with its
 * revision raised. What a relay has on its way nobody else knows: that is published by its settle, whatever its status says by then. Paused
 * copies have a status of their own, for a lane full of copies that must not be claimed would be walked over by every claim.
 */
export async function withdrawCopies(db: Db, row: ReplayRow): Promise<void> {
  await query(
    db,
    `update outbox.publishers set revision = revision + 1, updated_at = clock_timestamp()
     where tenant_id = $1 and destination = $2 and shard = $3`,
    refValues(row),
  );
  // A statement of its own: its snapshot is younger than the lock.
  const paused = row.state === 'paused';
  await query(
    db,
    `with free as (
       select r.copy_id, r.status as was from outbox.replay_events r
       where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.replay_id = $4
         and r.status ${paused ? `= 'pending'` : `in ('pending', 'paused')`}
       order by r.copy_id for update
     ), gone as (
       update outbox.replay_events r set status = '${paused ? 'paused' : 'cancelled'}' from free
       where r.tenant_id = $1 and r.copy_id = free.copy_id returning free.was
     )
     update outbox.replays s
     set ${paused ? 'fed = s.fed - g.n' : 'fed = s.fed + g.paused, cancelled = s.cancelled + g.n'}
     from (select count(*) as n, count(*) filter (where was = 'paused') as paused from gone) g
     where s.tenant_id = $1 and s.replay_id = $4 and g.n > 0`,
    [...refValues(row), row.replayId],
  );
}

/** Puts the copies of a paused replay back into the lane, to be found as new ones are. Within the caller's transaction. */
export async function returnCopies(db: Db, row: ReplayRow): Promise<void> {
  await query(
    db,
    `with back as (
       update outbox.replay_events set status = 'pending', xid = pg_current_xact_id()
       where tenant_id = $1 and replay_id = $2 and status = 'paused' returning 1
     )
     update outbox.replays s set fed = s.fed + b.n from (select count(*) as n from back) b
     where s.tenant_id = $1 and s.replay_id = $2 and b.n > 0`,
    [row.tenant, row.replayId],
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
