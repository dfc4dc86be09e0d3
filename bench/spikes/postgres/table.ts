import type { Client } from 'pg';

export const ATTACHED = 1_000;
/** As many belong to another relay, so that each look has to leave out as much as it takes. */
export const TENANTS = 2 * ATTACHED;
/** Half of all events are this tenant's. */
export const HOT = tenantName(0);
export const SMALL = tenantName(5);
/** The one that the long transaction writes for. */
export const LATE = tenantName(7);

export function tenantName(number: number): string {
  return `tenant-${String(number).padStart(5, '0')}`;
}

/**
 * The look's index. By statistics it is tiny, so that the planner also takes the plain one for claims and walks what is dead in it. Nobody
 * but a look compares xid, and a comparison proves the second predicate: only looks can use the guarded one.
 */
export const LOOK_INDEXES = {
  plain: `create index events_xid on spike.events (xid) where status = 'pending'`,
  guarded: `create index events_xid on spike.events (xid) where status = 'pending' and xid is not null`,
} as const;
/** As one would write it, and so that the planner has no wrong choice. */
export type Style = keyof typeof LOOK_INDEXES;

/** The indexes and vacuum settings of outbox.events, and the look's index. */
export async function createTable(client: Client, style: Style): Promise<void> {
  await client.query(`
    create schema spike;
    create table spike.events (
      tenant_id  text collate "C" not null,
      event_id   bigint generated always as identity (cache 1),
      status     text collate "C" not null default 'pending',
      xid        xid8 not null default pg_current_xact_id(),
      created_at timestamptz not null default clock_timestamp(),
      published_at timestamptz,
      dedupe_key text collate "C" not null,
      topic      text collate "C" not null default 'orders',
      payload    bytea,
      primary key (tenant_id, event_id),
      unique (tenant_id, dedupe_key)
    ) with (
      autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
      autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05
    );
    create index events_pending on spike.events (tenant_id, event_id) where status = 'pending';
    ${LOOK_INDEXES[style]};
    create table spike.publishers (tenant_id text collate "C" primary key, relay int not null);
  `);
  await client.query(
    `insert into spike.publishers select t, 1 + (n > $2)::int from unnest($1::text[]) with ordinality as u(t, n)`,
    [Array.from({ length: TENANTS }, (_, number) => tenantName(number)), ATTACHED],
  );
  await client.query('analyze spike.publishers');
}

/** A snapshot as pg_current_snapshot() prints it. */
export interface Horizon {
  readonly xmin: string;
  readonly xmax: string;
  readonly inProgress: readonly string[];
}

export function parseSnapshot(text: string): Horizon {
  const [xmin = '', xmax = '', list = ''] = text.split(':');
  return { xmin, xmax, inProgress: list === '' ? [] : list.split(',') };
}

const SEEN = `select tenant_id, event_id, xid from spike.events where status = 'pending'`;

/**
 * New pending events since a snapshot: $1 = its xmax, $2 = its list of transactions in progress. The snapshot of this very
 * statement comes with them, for the next look. $3: whose events.
 */
export const LOOKS = {
  'all, filtered by the caller': look('', ''),
  'attached by an array of 1,000': look('', 'where tenant_id = any($3::text[])'),
  'attached by a join': look('join spike.publishers p using (tenant_id)', 'where p.relay = $3'),
} as const;

function look(join: string, filter: string): string {
  return `select s.snapshot, f.tenant_id, f.event_id
    from (select pg_current_snapshot()::text as snapshot) s
    left join lateral (
      select tenant_id, event_id
      from (${SEEN} and xid >= $1::xid8 union all ${SEEN} and xid = any($2::xid8[])) e ${join} ${filter} limit 5000
    ) f on true`;
}

/** The same with xmin as its horizon: everything since the oldest transaction that is still open. */
export const XMIN_LOOK = `select tenant_id, event_id from spike.events where status = 'pending' and xid >= $1::xid8 limit 5000`;

export const CLAIM = `select event_id from spike.events
  where tenant_id = $1 and status = 'pending' and event_id > $2 order by event_id limit 100`;

/** A take-over's first scan: the head of each attached publisher's backlog. */
export const ATTACH_ALL = `select p.tenant_id, e.event_id from spike.publishers p cross join lateral (
    select event_id from spike.events e where e.tenant_id = p.tenant_id and status = 'pending' order by event_id limit 100
  ) e where p.relay = 1`;

/** The same where each publisher's row remembers up to where all is settled. */
export const ATTACH_ALL_FROM = `select p.tenant_id, e.event_id
  from unnest($1::text[], $2::bigint[]) as p(tenant_id, cursor) cross join lateral (
    select event_id from spike.events e
    where e.tenant_id = p.tenant_id and status = 'pending' and event_id > p.cursor order by event_id limit 100
  ) e`;

/** The sweep: tenants with anything pending, one step of the index for each. */
export const SWEEP = `with recursive t as (
    (select tenant_id from spike.events where status = 'pending' order by tenant_id limit 1)
    union all
    select (select e.tenant_id from spike.events e
            where e.status = 'pending' and e.tenant_id > t.tenant_id order by e.tenant_id limit 1)
    from t where t.tenant_id is not null
  ) select tenant_id from t where tenant_id is not null`;

/**
 * After an analyze that met no pending row the plain one walks the whole partial index for each batch, dead entries and all. In the guarded
 * one the status is spelt so that no partial index serves, which leaves the primary key.
 */
export const SETTLES = {
  plain: settle(`e.status = 'pending'`),
  guarded: settle(`e.status || '' = 'pending'`),
} as const satisfies Record<Style, string>;

function settle(isPending: string): string {
  return `update spike.events e set status = 'published', published_at = clock_timestamp()
    from unnest($1::text[], $2::bigint[]) as m(tenant_id, event_id)
    where e.tenant_id = m.tenant_id and e.event_id = m.event_id and ${isPending}`;
}
