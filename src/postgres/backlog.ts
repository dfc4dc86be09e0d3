import { ALL_PAUSED } from './global-pause';
import type { Db } from './query';
import { query } from './query';

/** The pending events of one publisher in one lane. */
export interface BacklogGroup {
  readonly tenant: string;
  readonly lane: number;
  /** The publisher's row state, `paused` while everything is; null = it has no row yet. */
  readonly state: string | null;
  /** Counted up to a bound, see below. */
  readonly pending: number;
  /** Of the first pending event, by its acceptance. */
  readonly oldestAgeSeconds: number;
}

/** Every group is counted this far. */
const FEW = 100;
/** The largest of those with more share this many rows: a million take about 0.3 s. */
const BUDGET = 1_000_000;
const LARGE_GROUPS = 50;
/** Where more than these have more, all share so many to find out which are the largest; among equals the oldest first. */
const RANKING = 250_000;

const IS_GROUP = `e.status = 'pending' and e.tenant_id = h.tenant_id and e.destination = h.destination and e.shard = h.shard
  and e.lane = h.lane`;
const COUNTED = (limit: string): string =>
  `(select count(*)::int from (select 1 from outbox.events e where ${IS_GROUP} limit ${limit}) c)`;

/**
 * All backlogs. One index descent finds the first event of each publisher and lane, whatever the backlog's size, and counting is
 * bounded: for the whole table a count of five million pending rows would take seconds, every time.
 */
export async function readBacklog(db: Db): Promise<BacklogGroup[]> {
  return query<BacklogGroup & Record<string, unknown>>(
    db,
    `with recursive heads as (
       (select tenant_id, destination, shard, lane, event_id, created_at from outbox.events where status = 'pending'
        order by tenant_id, destination, shard, lane, event_id limit 1)
       union all
       select next.* from heads b cross join lateral (
         select e.tenant_id, e.destination, e.shard, e.lane, e.event_id, e.created_at from outbox.events e
         where e.status = 'pending'
           and (e.tenant_id, e.destination, e.shard, e.lane) > (b.tenant_id, b.destination, b.shard, b.lane)
         order by e.tenant_id, e.destination, e.shard, e.lane, e.event_id limit 1) next
     ), few as materialized (
       select h.*, ${COUNTED(String(FEW))} as pending from heads h
     ), many as materialized (
       select f.*, count(*) over () as groups from few f where pending >= ${FEW}
     ), ranked as materialized (
       select h.tenant_id, h.destination, h.shard, h.lane, h.event_id, h.groups,
              case when h.groups <= ${LARGE_GROUPS} or ${RANKING} / h.groups <= ${FEW} then h.pending
                else ${COUNTED(`${RANKING} / h.groups`)} end as pending
       from many h
     ), large as materialized (
       select * from ranked order by pending desc, event_id limit ${LARGE_GROUPS}
     ), counted as (
       select h.tenant_id, h.destination, h.shard, h.lane,
              ${COUNTED(`${BUDGET} / least(h.groups, ${LARGE_GROUPS})`)} as pending from large h
       union all
       select tenant_id, destination, shard, lane, pending from ranked
       where (tenant_id, destination, shard, lane) not in (select tenant_id, destination, shard, lane from large)
     )
     select f.tenant_id as tenant, f.lane::int,
            case when ${ALL_PAUSED} then 'paused' else p.state end as state, coalesce(c.pending, f.pending)::float8 as pending,
            greatest(0, extract(epoch from clock_timestamp() - f.created_at))::float8 as "oldestAgeSeconds"
     from few f left join counted c using (tenant_id, destination, shard, lane)
     left join outbox.publishers p using (tenant_id, destination, shard)`,
  );
}

export interface PublisherCounts {
  /** Publishers by their row's state. */
  readonly states: Readonly<Record<string, number>>;
  /** Tenants whose breaker is not closed: 1 open, 2 half-open; at most the limit of them. */
  readonly circuits: ReadonlyMap<string, number>;
  /** All publishers whose breaker is not closed. */
  readonly notClosed: number;
}

/** The breaker as the publisher's row has it: at work although it is open = the probe is on its way. */
const CIRCUIT = `case when p.limits ? 'heldOpen' then 1 when p.breaker is not null and p.state = 'running' then 2
  when p.breaker is not null or p.state = 'open' then 1 else 0 end`;

/** One pass over the publishers' rows: 10,000 take about 5 ms. */
export async function countPublishers(db: Db, mostCircuits: number): Promise<PublisherCounts> {
  const states = await query<{ state: string; n: number; open: number }>(
    db,
    `select p.state, count(*)::int as n, (count(*) filter (where ${CIRCUIT} > 0))::int as open
     from outbox.publishers p group by 1`,
  );
  const notClosed = states.reduce((sum, row) => sum + row.open, 0);
  const circuits =
    notClosed === 0
      ? []
      : await query<{ tenant: string; circuit: number }>(
          db,
          `select p.tenant_id as tenant, max(${CIRCUIT})::int as circuit from outbox.publishers p
           where ${CIRCUIT} > 0 group by 1 order by 1 limit $1`,
          [mostCircuits],
        );
  return {
    states: Object.fromEntries(states.map((row) => [row.state, row.n])),
    circuits: new Map(circuits.map((row) => [row.tenant, row.circuit])),
    notClosed,
  };
}

/** Which of these tenants still exist. */
export async function existingTenants(db: Db, tenants: readonly string[]): Promise<string[]> {
  if (tenants.length === 0) return [];
  const rows = await query<{ tenant: string }>(
    db,
    'select tenant_id as tenant from outbox.tenants where tenant_id = any ($1)',
    [tenants],
  );
  return rows.map((row) => row.tenant);
}
