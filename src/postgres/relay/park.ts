import type { PublisherRef } from '../../domain/publisher';
import type { Parked } from '../parking';
import { refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HELD, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/**
 * Parks events of a publisher of this relay, which are in no transaction: status failed, with code and reason. Attempts count refusals of that
 * very event, so the refusal that parks it counts as one. Rejects with FENCED when the relay is lost.
 */
export async function parkOnRelay(
  db: Db,
  held: HeldRelay,
  ref: PublisherRef,
  parked: readonly Parked[],
): Promise<void> {
  const rows = await query<{ holds: boolean }>(
    db,
    `with ${HELD}, parked as (
       update outbox.events e
       set status = 'failed', error_code = u.code, error_reason = u.reason, failed_at = clock_timestamp(), attempts = e.attempts + 1
       from held, outbox.publishers p, unnest($7::bigint[], $8::text[], $9::text[]) as u (id, code, reason)
       where p.tenant_id = $4 and p.destination = $5 and p.shard = $6 and p.owner_relay = $1 and p.owner_fence = $2
         and e.tenant_id = $4 and e.event_id = u.id and e.status = 'pending'
       returning e.event_id
     ), counted as (
       insert into outbox.relay_counts as c (tenant_id, destination, shard, relay, parked)
       select $4::text, $5::text, $6::smallint, $1::smallint, count(*) from parked having count(*) > 0
       on conflict (tenant_id, destination, shard, relay) do update set parked = c.parked + excluded.parked
     )
     select true as holds from held`,
    [
      ...holdValues(held),
      ...refValues(ref),
      parked.map(({ eventId }) => eventId),
      parked.map(({ code }) => code),
      parked.map(({ reason }) => reason.slice(0, 2_000)),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'parking events');
}
