import type { PublisherRef } from '../domain/publisher';
import { query } from './query';
import type { Db } from './query';
import type { PublisherRowState } from './publishers';

/** A publisher's row as operators see it. Times as they are stored. */
export interface ListedPublisher extends PublisherRef {
  readonly state: PublisherRowState;
  readonly stateUntil: Date | null;
  readonly paused: Readonly<Record<string, unknown>> | null;
  readonly limits: Readonly<Record<string, unknown>>;
  /** The relay that has it, the worker that has that, and since when (ms since epoch); null = none. */
  readonly attached: { readonly relay: number; readonly worker: string | null; readonly since: number | null } | null;
  /** Topics that take no events, with their error codes. */
  readonly blocked: Readonly<Record<string, unknown>> | null;
  /** Events of it that relays have published, since ever. */
  readonly published: number;
  readonly updatedAt: Date;
  /** The tenant's; null if its publisher outlived it. */
  readonly settings: Readonly<Record<string, unknown>> | null;
}

/**
 * Publishers by key, from after `after` on. No index on the state: it changes with every drain, and must stay a HOT
 * update. There are as many rows as tenants, and a page walks them in the order of the primary key.
 */
export async function listPublishers(
  db: Db,
  page: {
    readonly tenant: string | null;
    /** Part of the tenant's name. */
    readonly tenantFilter?: string | null;
    readonly state: PublisherRowState | null;
    readonly after: PublisherRef | null;
    readonly limit: number;
  },
): Promise<ListedPublisher[]> {
  const { tenant, destination, shard } = page.after ?? { tenant: '', destination: '', shard: -1 };
  return query<ListedPublisher & Record<string, unknown>>(
    db,
    `select tenant_id as tenant, destination, shard::int, state, state_until as "stateUntil", paused, limits, blocked, updated_at as "updatedAt",
            case when owner_relay is not null then jsonb_build_object('relay', owner_relay, 'since', (drain ->> 'attachedAt')::float8,
              'worker', (select r.holder from outbox.relays r where r.relay = p.owner_relay and r.lease_until > clock_timestamp())) end as attached,
            (select coalesce(sum(c.published), 0)::float8 from outbox.relay_counts c
             where c.tenant_id = p.tenant_id and c.destination = p.destination and c.shard = p.shard) as published,
            (select settings from outbox.tenants t where t.tenant_id = p.tenant_id) as settings
     from outbox.publishers p
     where (tenant_id, destination, shard) > ($1::text, $2::text, $3::smallint)
       and ($4::text is null or tenant_id = $4) and ($5::text is null or state = $5) and ($6::text is null or strpos(tenant_id, $6) > 0)
     order by tenant_id, destination, shard limit $7`,
    [tenant, destination, shard, page.tenant, page.state, page.tenantFilter ?? null, page.limit],
  );
}
