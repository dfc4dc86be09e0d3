import { COUNT_CAP } from './event-list';
import { query } from './query';
import type { Db } from './query';

/** Counts of a tenant, or of all; each stops at COUNT_CAP, and then `exact` is false. */
export interface EventCounts {
  readonly pending: number;
  readonly published: number;
  readonly failed: number;
  readonly skipped: number;
  readonly total: number;
  readonly exact: boolean;
}

export interface TenantSummary extends EventCounts {
  readonly tenant: string;
  readonly oldestPendingAt: Date | null;
}

const CAP = COUNT_CAP + 1;

/** Counting stops at the cap, each count over the index that has just those rows. */
const capped = (tenant: string, status: string): string => `
  (select count(*)::int from (select from outbox.events e
     where e.status = '${status}' ${tenant === '' ? '' : `and e.tenant_id = ${tenant}`} limit ${CAP}) c)`;

/**
 * No index has published rows alone: they are counted among the first rows of the primary key, where the oldest are, so that
 * a large count is soon found to be large. Exact up to the cap, for then the whole tenant has been read.
 */
const first = (tenant: string): string => `
  (select count(*)::int as total, (count(*) filter (where status = 'published'))::int as published
   from (select e.status from outbox.events e ${tenant === '' ? '' : `where e.tenant_id = ${tenant}`}
         order by e.tenant_id, e.event_id limit ${CAP}) f)`;

/** Tenants by name, from after `after` on, each with its counts: at most 40,000 index rows per tenant. */
export async function summarizeTenants(
  db: Db,
  page: { readonly tenant: string | null; readonly after: string; readonly limit: number },
): Promise<TenantSummary[]> {
  const rows = await query<Counted & { tenant: string; oldestPendingAt: Date | null }>(
    db,
    `select t.tenant_id as tenant, f.total, f.published, ${capped('t.tenant_id', 'pending')} as pending,
            ${capped('t.tenant_id', 'failed')} as failed, ${capped('t.tenant_id', 'skipped')} as skipped,
            -- The head of each publisher's lanes: ids follow time, and a minimum over the backlog would read it all.
            (select min(head.created_at)
             from outbox.publishers p cross join (values (0::smallint), (1::smallint), (2::smallint), (3::smallint)) l (lane)
             cross join lateral (
               select e.created_at from outbox.events e
               where e.status = 'pending' and e.tenant_id = p.tenant_id and e.destination = p.destination and e.shard = p.shard
                 and e.lane = l.lane
               order by e.event_id limit 1) head
             where p.tenant_id = t.tenant_id) as "oldestPendingAt"
     from (select tenant_id from outbox.tenants where tenant_id > $1 and ($2::text is null or tenant_id = $2)
           order by tenant_id limit $3) t
     cross join lateral ${first('t.tenant_id')} f
     order by t.tenant_id`,
    [page.after, page.tenant, page.limit],
  );
  return rows.map((row) => ({ tenant: row.tenant, oldestPendingAt: row.oldestPendingAt, ...countsOf(row) }));
}

/** The same counts over all tenants. */
export async function summarizeAll(db: Db): Promise<EventCounts & { readonly tenants: number }> {
  const [row] = await query<Counted & { tenants: number }>(
    db,
    `select f.total, f.published, ${capped('', 'pending')} as pending, ${capped('', 'failed')} as failed,
            ${capped('', 'skipped')} as skipped, (select count(*)::int from outbox.tenants) as tenants
     from ${first('')} f`,
  );
  const none = { total: 0, published: 0, pending: 0, failed: 0, skipped: 0, tenants: 0 };
  return { tenants: row?.tenants ?? 0, ...countsOf(row ?? none) };
}

interface Counted extends Record<string, unknown> {
  readonly total: number;
  readonly published: number;
  readonly pending: number;
  readonly failed: number;
  readonly skipped: number;
}

function countsOf(row: Counted): EventCounts {
  const cap = (value: number): number => Math.min(value, COUNT_CAP);
  return {
    pending: cap(row.pending),
    published: cap(row.published),
    failed: cap(row.failed),
    skipped: cap(row.skipped),
    total: cap(row.total),
    exact: row.total <= COUNT_CAP,
  };
}
