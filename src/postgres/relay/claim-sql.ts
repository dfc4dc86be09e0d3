import { EVENT_BYTES, columnsOf } from '../event-columns';
import { STOPPED } from './attach';
import { MINE, STILL_PENDING, unguessed } from './holds';
import { BELONGS } from './lanes';

/** Of one that waits without its payload. */
export const ANSWERED = columnsOf('e.headers', 'case when e.belongs = 0 then e.payload end');
const FINGERPRINT = 'outbox.fingerprint(e.dedupe_key, e.created_at)';
export const OF_PUBLISHER = `e.tenant_id = w.tenant and e.destination = w.destination and e.shard = w.shard and e.status = 'pending' and e.lane = 0`;
/** What Kafka has already and could not be marked: never sent again. */
export const NOT_UNSETTLED = `e.event_id <> all (array(select u.event_id from outbox.unsettled u where u.tenant_id = w.tenant and u.replay_id = ''))`;

export const JOINED = `join outbox.publishers p on p.tenant_id = w.tenant and p.destination = w.destination and p.shard = w.shard and ${MINE} and not ${STOPPED('p')}`;

/** Waiting ones are met many at a time: a share of one event would walk over a queue of them one by one. */
export const MOST_MET = 500;
export const LIMIT = `case when w.asks then greatest(w.events, ${MOST_MET}) else w.events end`;
export const READ = `e.*, ${FINGERPRINT} as fingerprint, ${BELONGS} as belongs`;

/** A prefix of which those that may go are few enough and fit into the bytes; at least one of them. */
export const FITTING = (inner: string): string => `
  select * from (
    select e.*, sum(e.size) over upto as so_far, sum(e.goes) over upto as place, count(*) over () as found
    from (select e.*, case when e.belongs = 0 then 1 else 0 end as goes,
            case when e.belongs = 0 then coalesce(octet_length(e.payload), 0) + ${EVENT_BYTES} else 0 end as size
          from (${inner}) e) e
    window upto as (order by e.event_id rows unbounded preceding)) e
  where e.place <= w.events and (e.so_far <= w.bytes or (e.place = 1 and e.goes = 1))`;

export const WANTED = `unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::int[], $9::bigint[], $10::boolean[], $11::boolean[])
  with ordinality as w (tenant, destination, shard, behind, events, bytes, asks, holds, ord)`;

/** The event of the publisher `w` whose id is `n.id`, by its primary key, if it is still there to be sent. */
export const NAMED = `select e.* from outbox.events e where e.tenant_id = w.tenant and e.event_id = n.id and ${STILL_PENDING}
    and ${unguessed('e.destination = w.destination and e.shard = w.shard and e.lane = 0')} limit 1`;

/**
 * Events that became sendable since a horizon, by the index on the transaction that made them so: `from` is the number of its two parameters'
 * first. Each transaction that was in progress is asked for by itself: named in a list, another index looked better to the planner.
 */
export function since(columns: string, from: number): string {
  const events = `select ${columns} from outbox.events e where e.status = 'pending' and e.lane = 0 and e.xid`;
  return `${events} >= $${from}::xid8
       union all
       select e.* from unnest($${from + 1}::xid8[]) as x (id) cross join lateral (${events} = x.id offset 0) e
       where ${IS_OVER}`;
}
/** Of what is still in progress nothing can be seen, and a million rows of it would be walked over in vain. */
export const IS_OVER = 'pg_visible_in_snapshot(x.id, pg_current_snapshot())';

export const LATE = `json_agg(json_build_array(n.event_id::text, n.ordering_key))::text`;
