/**
 * What the writes of a drain (settle, park) add for copies, as further steps of the same statement: it has locked the
 * publisher's row and names it `held`. The event's own row is not touched.
 */

/**
 * Marks copies as published; `members` has the columns id (a copy's), partition and position. `within` bounds their ids, if they
 * are known: it says nothing new, but without it the planner may read all copies of the tenant.
 */
export function settleCopies(members: string, batchId: string, within: readonly [string, string] | null): string {
  return `, copied as (
       update outbox.replay_events r
       set status = 'published', published_at = held.settled_at, batch_id = ${batchId}, topic_partition = m.partition,
           topic_offset = m.position
       from held, ${members} as m (id, partition, position)
       where r.tenant_id = $1 and r.copy_id = m.id ${within === null ? '' : `and r.copy_id between ${within[0]} and ${within[1]}`}
       returning r.replay_id
     )${countCopies('copied', 'published')}`;
}

/** Parks copies: nothing waits for them, and the replay says how many there were. */
export function parkCopies(ids: string, codes: string, reasons: string): string {
  return `, parked_copies as (
       update outbox.replay_events r
       set status = 'failed', error_code = u.code, error_reason = u.reason, failed_at = clock_timestamp()
       from held, unnest(${ids}::bigint[], ${codes}::text[], ${reasons}::text[]) as u (id, code, reason)
       where r.tenant_id = $1 and r.copy_id = u.id and r.status = 'pending' returning r.replay_id
     )${countCopies('parked_copies', 'failed')}`;
}

/** In the replay's row, in the same transaction: so its progress is exact without ever counting a million rows. */
export function countCopies(step: string, column: 'published' | 'failed'): string {
  return `, counted_${column} as (
       update outbox.replays s set ${column} = s.${column} + c.copies
       from (select replay_id, count(*) as copies from ${step} group by replay_id) c
       where s.tenant_id = $1 and s.replay_id = c.replay_id)`;
}
