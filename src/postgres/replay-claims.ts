import { OutboxError } from '../domain/errors';
import type { OutboxEvent } from '../domain/event';
import type { PublisherRef } from '../domain/publisher';
import { eventsByIds } from './claims';
import type { EventColumns } from './event-columns';
import { EVENT_BYTES, EVENT_COLUMNS, toEvent } from './event-columns';
import type { Db } from './query';
import { queryText } from './query';
import { refValues } from './publishers';

type CopyColumns = [copyId: string, replayId: string, count: string];

/**
 * The next copies of a publisher's replay lane in the order in which they were fed, as many as fit into `limit` and `maxBytes`
 * (at least one), without members of its unsettled batches and without `excludeTopics`. To be recorded under a revision that was
 * read before it.
 */
export async function selectCopies(
  db: Db,
  ref: PublisherRef,
  options: { readonly limit: number; readonly maxBytes: number; readonly excludeTopics: readonly string[] },
): Promise<OutboxEvent[]> {
  const rows = await queryText<[...CopyColumns, ...EventColumns]>(
    db,
    `select e.copy_id, e.replay_id, e.replay_count, ${EVENT_COLUMNS} from (
       select c.*, sum(coalesce(octet_length(c.payload), 0) + ${EVENT_BYTES}) over w as so_far, row_number() over w as place
       from (
         select r.copy_id, r.replay_id, r.replay_count, e.* from outbox.replay_events r
         join outbox.events e on e.tenant_id = $1 and e.event_id = r.event_id
         where r.tenant_id = $1 and r.destination = $2 and r.shard = $3 and r.status = 'pending'
           and r.copy_id not in (
             select unnest(b.copy_ids) from outbox.batches b
             where b.tenant_id = $1 and b.destination = $2 and b.shard = $3 and b.settled_at is null
               and b.copy_ids is not null)
           and e.topic <> all ($5::text[])
         order by r.copy_id limit $4
       ) c window w as (order by c.copy_id rows unbounded preceding)
     ) e
     where e.so_far <= $6::bigint or e.place = 1
     order by e.copy_id`,
    [...refValues(ref), options.limit, options.excludeTopics, options.maxBytes],
  );
  return rows.map((row) => copyOf(ref.tenant, row));
}

/** The members of a recorded batch in order, whatever their status: for sending it again exactly. */
export async function batchMembers(
  db: Db,
  tenant: string,
  batch: { readonly eventIds: readonly string[]; readonly copyIds: readonly string[] | null },
): Promise<OutboxEvent[]> {
  const events = await eventsByIds(db, tenant, batch.eventIds);
  if (batch.copyIds === null) return events;
  const rows = await queryText<CopyColumns>(
    db,
    `select r.copy_id, r.replay_id, r.replay_count from outbox.replay_events r
     where r.tenant_id = $1 and r.copy_id = any ($2::bigint[])`,
    [tenant, batch.copyIds.filter((id) => id !== NO_COPY)],
  );
  const copies = new Map(rows.map((row) => [row[0], row]));
  return events.map((event, index) => {
    const id = batch.copyIds?.[index] ?? NO_COPY;
    if (id === NO_COPY) return event;
    const copy = copies.get(id);
    if (copy !== undefined) return asCopy(event, copy);
    throw new OutboxError(
      'LEDGER_MISMATCH',
      `A recorded batch names copy ${id} of event ${event.id}, which is not stored. Was the database restored or cleaned by hand? An operator must decide: unhalt.`,
      { details: { tenant } },
    );
  });
}

const NO_COPY = '0';

/** What a batch of these members records: null where it holds no copies, as nearly always. */
export function copyIdsOf(events: readonly OutboxEvent[]): string[] | null {
  if (!events.some((event) => event.replay !== undefined)) return null;
  return events.map((event) => event.replay?.copyId ?? NO_COPY);
}

function copyOf(tenant: string, row: [...CopyColumns, ...EventColumns]): OutboxEvent {
  const [copyId, replayId, count, ...columns] = row;
  return asCopy(toEvent(tenant, columns), [copyId, replayId, count]);
}

function asCopy(event: OutboxEvent, [copyId, replayId, count]: CopyColumns): OutboxEvent {
  return { ...event, lane: 'replay', replay: { copyId, replayId, count: Number(count) } };
}
