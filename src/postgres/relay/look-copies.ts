import type { PublisherRef } from '../../domain/publisher';
import { refColumns } from '../publishers';
import type { Db } from '../query';
import { queryText } from '../query';
import { HELD, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import { NEVER, horizonOf } from './look';
import type { Horizon } from './look';

/** A publisher that has copies to send, and the lowest id of those that were found. */
export interface FoundCopies extends PublisherRef {
  readonly lowest: string;
}

/**
 * Which publishers of the relay have copies of replays that have become sendable since the look before, or are `fresh` in its set and have
 * any. Costs nothing for publishers without. Rejects with FENCED when the relay is lost.
 */
export async function lookForCopies(
  db: Db,
  held: HeldRelay,
  horizon: Horizon | null,
  fresh: readonly PublisherRef[],
): Promise<{ readonly horizon: Horizon; readonly found: readonly FoundCopies[] }> {
  const rows = await queryText<
    [snapshot: string, tenant: string | null, destination: string, shard: string, lowest: string]
  >(
    db,
    `with ${HELD}, seen as (
       select r.tenant_id, r.destination, r.shard, r.copy_id from outbox.replay_events r where r.status = 'pending' and r.xid >= $4::xid8
       union all
       select r.tenant_id, r.destination, r.shard, r.copy_id from outbox.replay_events r
       where r.status = 'pending' and r.xid = any ($5::xid8[])
       union all
       select f.tenant, f.destination, f.shard, r.copy_id
       from unnest($6::text[], $7::text[], $8::smallint[]) as f (tenant, destination, shard)
       cross join lateral (
         select r.copy_id from outbox.replay_events r
         where r.tenant_id = f.tenant and r.destination = f.destination and r.shard = f.shard and r.status = 'pending'
         order by r.copy_id limit 1) r
     ), found as (
       select s.tenant_id, s.destination, s.shard, min(s.copy_id) as lowest from seen s
       join outbox.publishers p on p.tenant_id = s.tenant_id and p.destination = s.destination and p.shard = s.shard
         and p.owner_relay = $1 and p.owner_fence = $2
       group by s.tenant_id, s.destination, s.shard
     )
     select pg_current_snapshot()::text, f.tenant_id, f.destination, f.shard, f.lowest from held left join found f on true`,
    [...holdValues(held), horizon?.xmax ?? NEVER, horizon?.inProgress ?? [], ...refColumns(fresh)],
    'look for copies',
  );
  const first = rows[0];
  if (first === undefined) throw lostRelay(held, 'looking for copies');
  return {
    horizon: horizonOf(first[0]),
    found: rows.flatMap(([, tenant, destination, shard, lowest]) =>
      tenant === null ? [] : [{ tenant, destination, shard: Number(shard), lowest }],
    ),
  };
}
