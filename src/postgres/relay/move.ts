import type { Db } from '../query';
import { query } from '../query';
import { HOLDS, SERVER, UNRECOVERED, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import { ASKS } from './lanes';
import type { AttachedRow } from './relays';

/** A relay whose publishers are to go on with another one. */
export interface Parted {
  /** As its holder has it now: that may be the fence of a take-over under way. */
  readonly held: HeldRelay;
  /** The fence under which it sent last. Everything that it sent is settled, or can never be committed. */
  readonly upTo: number;
}

/**
 * Gives the publishers of one relay to another, in one statement that holds the fences of both: nobody takes either of them over meanwhile. Only
 * once every relay is recovered on this server, as an attach: what the parted one settled may be lost with the server before. Never waits for a
 * publisher's locked row: call it again for what is `left`. Null = the parted one is another's by now, or a relay is not recovered. Rejects
 * with FENCED when `held` is lost.
 */
export async function movePublishers(
  db: Db,
  held: HeldRelay,
  from: Parted,
): Promise<{ readonly moved: readonly AttachedRow[]; readonly left: number } | null> {
  const rows = await query<AttachedRow & { parted: boolean; moves: boolean; left: number }>(
    db,
    `with held as materialized (select 1 from outbox.relays where ${HOLDS} for share), ${UNRECOVERED}, parted as materialized (
       select 1 from held, outbox.relays r where r.relay = $4::smallint and r.fence = $5::bigint and ${SERVER} = $3::text
         and not exists (select from unrecovered) for share of r
     ), free as (
       select p.tenant_id, p.destination, p.shard from outbox.publishers p cross join parted
       where p.owner_relay = $4 and p.owner_fence <= $6 for update of p skip locked
     ), moved as (
       update outbox.publishers p set owner_relay = $1, owner_fence = $2, updated_at = clock_timestamp() from free f
       where p.tenant_id = f.tenant_id and p.destination = f.destination and p.shard = f.shard
       returning p.tenant_id, p.destination, p.shard, p.drain
     )
     select m.tenant_id as tenant, m.destination, m.shard::int, m.drain, coalesce(${ASKS('m')}, false) as asks,
            m.tenant_id is not null as moves, exists (select from parted) as parted,
            (select count(*)::int from outbox.publishers p where p.owner_relay = $4 and p.owner_fence <= $6) as left
     from held left join moved m on true`,
    [...holdValues(held), from.held.relay, from.held.fence, from.upTo],
  );
  if (rows.length === 0) throw lostRelay(held, 'taking publishers from another relay');
  if (rows[0]?.parted !== true) return null;
  const moved = rows
    .filter(({ moves }) => moves)
    .map(({ tenant, destination, shard, drain, asks }) => ({ tenant, destination, shard, drain, asks }));
  return { moved, left: Math.max(0, (rows[0]?.left ?? 0) - moved.length) };
}
