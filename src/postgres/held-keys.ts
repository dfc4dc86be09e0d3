import type { PublisherRef } from '../domain/publisher';
import type { Db } from './query';
import { query } from './query';
import { ASIDE_LANE } from './hold-key';

/** A key whose later events wait behind a parked one. */
export interface HeldKey extends PublisherRef {
  readonly key: string;
  /** The earliest parked event of the key. */
  readonly parkedEventId: string;
  readonly errorCode: string | null;
  /** ISO-8601 in UTC. */
  readonly since: string | null;
  /** Events that a drain has set aside behind it; `exact` false = at least so many. */
  readonly waiting: { readonly count: number; readonly exact: boolean };
}

/** Where a page begins: after this key, in the order of tenant, destination, shard and key. */
export type HeldKeyCursor = Pick<HeldKey, 'tenant' | 'destination' | 'shard' | 'key'>;

const MOST_COUNTED = 10_000;

/** Held keys of one tenant or of all, a page of at most `limit`. Publishers with onPoison skip hold none. */
export async function heldKeys(
  db: Db,
  options: { readonly tenant?: string; readonly after?: HeldKeyCursor | null; readonly limit?: number } = {},
): Promise<{ readonly keys: readonly HeldKey[]; readonly next: HeldKeyCursor | null }> {
  const { tenant = null, after = null, limit = 50 } = options;
  const keys = await query<HeldKey & Record<string, unknown>>(
    db,
    `select k.tenant_id as tenant, k.destination, k.shard::int, k.ordering_key as key, k.event_id::text as "parkedEventId",
            k.error_code as "errorCode", to_char(k.failed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as since,
            json_build_object('count', least(w.waiting, ${MOST_COUNTED}), 'exact', w.waiting <= ${MOST_COUNTED}) as waiting
     from (
       select distinct on (e.tenant_id, e.destination, e.shard, e.ordering_key) e.*
       from outbox.events e join outbox.publishers p
         on p.tenant_id = e.tenant_id and p.destination = e.destination and p.shard = e.shard
       where e.status = 'failed' and e.lane = 0 and e.ordering_key is not null and ($1::text is null or e.tenant_id = $1)
         and ($2::text is null or (e.tenant_id, e.destination, e.shard, e.ordering_key) > ($2, $3, $4::smallint, $5))
         and coalesce(p.limits ->> 'onPoison', 'hold-key') = 'hold-key'
       order by e.tenant_id, e.destination, e.shard, e.ordering_key, e.event_id limit $6
     ) k cross join lateral (
       select count(*)::int as waiting from (
         select from outbox.events e
         where e.tenant_id = k.tenant_id and e.destination = k.destination and e.shard = k.shard and e.status = 'pending'
           and e.lane = ${ASIDE_LANE} and e.ordering_key = k.ordering_key limit ${MOST_COUNTED + 1}) counted) w
     order by k.tenant_id, k.destination, k.shard, k.ordering_key`,
    [tenant, after?.tenant ?? null, after?.destination ?? null, after?.shard ?? null, after?.key ?? null, limit + 1],
  );
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  return { keys: page, next: keys.length > limit && last !== undefined ? cursorOf(last) : null };
}

function cursorOf({ tenant, destination, shard, key }: HeldKey): HeldKeyCursor {
  return { tenant, destination, shard, key };
}
