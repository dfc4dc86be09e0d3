import type { EventStatus } from '../domain/event';
import type { PublisherRef } from '../domain/publisher';
import { query } from './query';
import type { Db } from './query';

export interface LocatedEvent extends PublisherRef {
  readonly id: string;
  readonly status: EventStatus;
}

/** Index descents that one search may cost: some seconds at worst. */
const MOST_DESCENTS = 1_000_000;

/**
 * Which publishers these events belong to. Ids are unique over all tenants, but the primary key begins with the tenant: without
 * `tenant` each tenant is asked, and null answered if that would be too many.
 */
export async function locateEvents(
  db: Db,
  ids: readonly string[],
  tenant: string | null,
): Promise<readonly LocatedEvent[] | null> {
  if (tenant === null) {
    const [row] = await query<{ tenants: number }>(db, 'select count(*)::int as tenants from outbox.tenants');
    if ((row?.tenants ?? 0) * ids.length > MOST_DESCENTS) return null;
  }
  return query<LocatedEvent & Record<string, unknown>>(
    db,
    `select e.event_id::text as id, e.tenant_id as tenant, e.destination, e.shard::int, e.status
     from (select tenant_id from outbox.tenants where $2::text is null or tenant_id = $2) t
     cross join lateral (
       select * from outbox.events e where e.tenant_id = t.tenant_id and e.event_id = any ($1::bigint[])) e
     order by e.event_id`,
    [ids, tenant],
  );
}
