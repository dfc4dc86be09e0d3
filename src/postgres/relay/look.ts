import type { PublisherRef } from '../../domain/publisher';
import { ALL_PAUSED } from '../global-pause';
import type { Db } from '../query';
import { queryText } from '../query';
import { since } from './claim-sql';
import { HELD, MINE, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/** What a look could see: everything that was committed then. The next look finds what has become visible since. */
export interface Horizon {
  /** Decimal strings of xid8: the first transaction that had not begun, and those in progress. */
  readonly xmax: string;
  readonly inProgress: readonly string[];
}

/** Events of one publisher that have become sendable since the look before. */
export interface LookedUp extends PublisherRef {
  /** null = so many that its backlog must be scanned for them. */
  readonly eventIds: readonly string[] | null;
}

export interface Look {
  readonly horizon: Horizon;
  readonly found: readonly LookedUp[];
  /** Publishers that somebody wants back, or an operator stopped: one, or all of them. */
  readonly asked: readonly PublisherRef[];
  /** Publishers of which an operator released something: see `releasedKeys`. */
  readonly released: readonly PublisherRef[];
}

/** Ids per publisher and look at most. Beyond it a scan of its backlog is the better way. */
export const MOST_IDS = 1_000;

/**
 * Finds new events of all attached publishers with one statement whose cost does not grow with their number: a range of the index on the
 * transaction that made an event sendable. Late commits are found by the list of transactions that were in progress, so a transaction that
 * is open for minutes costs nothing. Without a horizon it only answers one. Rejects with FENCED when the relay is lost.
 */
export async function look(db: Db, held: HeldRelay, horizon: Horizon | null): Promise<Look> {
  const rows = await queryText<LookRow>(
    db,
    `with ${HELD}, asked as materialized (
       select p.tenant_id, p.destination, p.shard from outbox.publishers p
       where p.owner_relay = $1 and p.owner_fence = $2 and p.detach_asked
       union all
       select p.tenant_id, p.destination, p.shard from outbox.publishers p
       where (select ${ALL_PAUSED}) and p.owner_relay = $1 and p.owner_fence = $2
     ), released as materialized (
       select distinct r.tenant_id, r.destination, r.shard from outbox.released r cross join lateral (${ownerOf('r')}) p
     ), n as materialized (
       ${since('e.tenant_id, e.destination, e.shard, e.event_id', 4)}
     ), grouped as materialized (
       select tenant_id, destination, shard, count(*) as events, array_agg(event_id) as ids from n group by tenant_id, destination, shard
     )
     select pg_current_snapshot()::text, (select json_agg(json_build_array(tenant_id, destination, shard))::text from asked),
            (select json_agg(json_build_array(tenant_id, destination, shard))::text from released), f.tenant_id, f.destination, f.shard,
            case when f.events <= ${MOST_IDS} then array_to_string(f.ids, ',') end
     from held left join (
       select g.* from grouped g cross join lateral (${ownerOf('g')}) p
     ) f on true`,
    [...holdValues(held), horizon?.xmax ?? NEVER, horizon?.inProgress ?? []],
    'look of a relay',
  );
  const first = rows[0];
  if (first === undefined) throw lostRelay(held, 'looking for new events');
  const found = rows.flatMap(([, , , tenant, destination, shard, ids]) =>
    tenant === null ? [] : [{ tenant, destination, shard: Number(shard), eventIds: ids?.split(',') ?? null }],
  );
  return { horizon: horizonOf(first[0]), found, asked: refsOf(first[1]), released: refsOf(first[2]) };
}

/** One row if the publisher that the row `alias` names is this relay's. */
export function ownerOf(alias: string): string {
  return `select from outbox.publishers p where p.tenant_id = ${alias}.tenant_id and p.destination = ${alias}.destination
         and p.shard = ${alias}.shard and ${MINE} limit 1`;
}

type LookRow = [
  ...[snapshot: string, asked: string | null, released: string | null],
  ...[tenant: string | null, destination: string, shard: string, ids: string | null],
];

/** A transaction id that no server reaches: a first look finds nothing, for an attach begins with a scan. */
export const NEVER = '18446744073709551615';

/** `xmin:xmax:xip,xip` as pg_current_snapshot() prints it. */
export function horizonOf(snapshot: string): Horizon {
  const [, xmax = '', list = ''] = snapshot.split(':');
  return { xmax, inProgress: list === '' ? [] : list.split(',') };
}

function refsOf(json: string | null): PublisherRef[] {
  if (json === null) return [];
  const rows = JSON.parse(json) as [string, string, number][];
  return rows.map(([tenant, destination, shard]) => ({ tenant, destination, shard }));
}
