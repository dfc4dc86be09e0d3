import type { Db } from '../query';
import { query } from '../query';
import { SERVER } from './holds';

/**
 * Asks relays to give back the publishers of a tenant. Answers how many are not given back yet: their pending events may be on their way. So
 * may be those of any publisher while a relay was not taken over on this server, unless there never was a relay. Within a transaction that
 * has locked the publishers' rows, 0 holds until it ends, for an attach needs the row.
 */
export async function askBack(db: Db, tenant: string): Promise<number> {
  const [row] = await query<{ n: number }>(
    db,
    `with owned as materialized (
       select p.destination, p.shard, p.detach_asked from outbox.publishers p
       where p.tenant_id = $1 and p.owner_relay is not null
         and not exists (select from outbox.relays o where o.relay = p.owner_relay and o.closed >= p.owner_fence)
     ), asked as (
       update outbox.publishers p set detach_asked = true from owned o
       where p.tenant_id = $1 and p.destination = o.destination and p.shard = o.shard and not o.detach_asked
     )
     select (select count(*) from owned)::int
       + (select count(*) from outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
          left join outbox.relays r on r.relay = n.relay
          where r.recovered_on is distinct from ${SERVER} and exists (select from outbox.relays))::int as n`,
    [tenant],
  );
  return row?.n ?? 0;
}
