import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';

/** A halted publisher as Postgres knows it: one of the two sides that an operator compares. Times are ms since epoch. */
export interface HaltedPublisher extends PublisherRef {
  readonly why: string | null;
  readonly since: number | null;
  /** Which way out was chosen last, and why it was refused. */
  readonly refused: string | null;
  readonly recorded: number;
  readonly settled: number;
  readonly settledAt: number | null;
  /** Id of the last settled batch; null if its row is gone by retention. */
  readonly settledBatchId: string | null;
  /** The number in the row, which every take-over raises. */
  readonly fence: string;
  readonly unsettled: readonly {
    readonly seq: number;
    readonly batchId: string;
    readonly events: number;
    readonly recordedAt: number;
  }[];
}

/** Halted publishers of a page of tenants by name, or of one tenant. A restored database halts every one of them. */
export async function haltedPublishers(
  db: Db,
  tenant: string | null = null,
  page: { readonly after: string; readonly limit: number } = { after: '', limit: 500 },
): Promise<HaltedPublisher[]> {
  return query<HaltedPublisher & Record<string, unknown>>(
    db,
    `with tenants as (
       select distinct p.tenant_id from outbox.publishers p
       where p.halted is not null and p.tenant_id > $2 and ($1::text is null or p.tenant_id = $1)
       order by p.tenant_id limit $3)
     select p.tenant_id as tenant, p.destination, p.shard::int, p.halted ->> 'why' as why,
            (p.halted ->> 'since')::float8 as since, p.halted ->> 'refused' as refused, p.recorded::float8, p.settled::float8,
            p.fence::text as fence,
            (extract(epoch from p.settled_at) * 1000)::float8 as "settledAt", last.batch_id as "settledBatchId",
            coalesce(open.batches, '[]') as unsettled
     from tenants join outbox.publishers p using (tenant_id)
     left join outbox.batches last on last.tenant_id = p.tenant_id and last.destination = p.destination
       and last.shard = p.shard and last.seq = p.settled
     left join lateral (
       select jsonb_agg(jsonb_build_object('seq', b.seq, 'batchId', b.batch_id, 'events', b.events,
         'recordedAt', extract(epoch from b.recorded_at) * 1000) order by b.seq) as batches
       from outbox.batches b
       where b.tenant_id = p.tenant_id and b.destination = p.destination and b.shard = p.shard and b.settled_at is null
     ) open on true
     where p.halted is not null
     order by p.tenant_id, p.destination, p.shard`,
    [tenant, page.after, page.limit],
  );
}
