import type { Db } from '../query';
import { query } from '../query';
import { SERVER } from './holds';

/** Leases are for liveness only: the fence is what makes a take-over safe. */
export const LEASE_MS = 4_000;

/** Renews what this worker holds or is taking over, in one statement; answers the relays that are still its own. */
export async function renewLeases(db: Db, holder: string, relays: readonly number[]): Promise<number[]> {
  const rows = await query<{ relay: number }>(
    db,
    `update outbox.relays set lease_until = clock_timestamp() + ${LEASE_MS} * interval '1 ms'
     where holder = $1 and relay = any ($2::smallint[]) returning relay::int`,
    [holder, relays],
  );
  return rows.map(({ relay }) => relay);
}

/** How the relays stand, as a worker sees them that looks for some to take. */
export interface RelayLease {
  readonly relay: number;
  /** Null = nobody, or its lease has run out. */
  readonly holder: string | null;
  /** True if it was taken over on the server that answers. */
  readonly recovered: boolean;
  readonly halted: boolean;
  /** ms since L moved last. */
  readonly stillMs: number;
  /** Publishers that are attached to it. */
  readonly publishers: number;
}

/** All relays below N, those without a row included. */
export async function readLeases(db: Db): Promise<RelayLease[]> {
  return query<RelayLease & Record<string, unknown>>(
    db,
    `select n.relay::int, case when r.lease_until > clock_timestamp() then r.holder end as holder,
            coalesce(r.recovered_on = ${SERVER}, false) as recovered, coalesce(r.halted is not null, false) as halted,
            coalesce(extract(epoch from clock_timestamp() - r.moved_at) * 1000, 0)::float8 as "stillMs",
            (select count(*)::int from outbox.publishers p where p.owner_relay = n.relay) as publishers
     from outbox.installation i cross join lateral generate_series(0, i.relays - 1) as n (relay)
     left join outbox.relays r on r.relay = n.relay
     order by n.relay`,
  );
}

/** Gives relays back at once, for another worker to take over with all their publishers. */
export async function releaseLeases(db: Db, holder: string, relays: readonly number[]): Promise<void> {
  await query(
    db,
    `update outbox.relays set holder = null, lease_until = null, updated_at = clock_timestamp()
     where holder = $1 and relay = any ($2::smallint[])`,
    [holder, relays],
  );
}
