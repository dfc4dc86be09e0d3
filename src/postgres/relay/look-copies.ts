import type { PublisherRef } from '../../domain/publisher';
import { refColumns } from '../publishers';
import type { Db } from '../query';
import { queryText } from '../query';
import { IS_OVER } from './claim-sql';
import { HELD, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import { NEVER, horizonOf, ownerOf } from './look';
import type { Horizon } from './look';

/** A publisher that has copies to send, and the lowest id of those that were found. */
export interface FoundCopies extends PublisherRef {
  readonly lowest: string;
}

const NEW_COPIES = `select r.tenant_id, r.destination, r.shard, r.copy_id from outbox.replay_events r where r.status = 'pending' and r.xid`;

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
    `with ${HELD}, seen as materialized (
       ${NEW_COPIES} >= $4::xid8
       union all
       select r.* from unnest($5::xid8[]) as x (id) cross join lateral (${NEW_COPIES} = x.id offset 0) r
       where ${IS_OVER}
       union all
       select f.tenant, f.destination, f.shard, r.copy_id
       from unnest($6::text[], $7::text[], $8::smallint[]) as f (tenant, destination, shard)
       cross join lateral (
         select r.copy_id from outbox.replay_events r
         where r.tenant_id = f.tenant and r.destination = f.destination and r.shard = f.shard and r.status = 'pending'
         order by r.copy_id limit 1) r
     ), grouped as materialized (
       select tenant_id, destination, shard, min(copy_id) as lowest from seen group by tenant_id, destination, shard
     ), found as (
       select g.* from grouped g cross join lateral (${ownerOf('g')}) p
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
