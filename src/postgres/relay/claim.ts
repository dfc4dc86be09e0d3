import type { OutboxEvent } from '../../domain/event';
import type { PublisherRef } from '../../domain/publisher';
import { EVENT_BYTES, columnsOf, toEvent } from '../event-columns';
import type { EventColumns } from '../event-columns';
import type { Db } from '../query';
import { queryText } from '../query';
import { STOPPED } from './attach';
import { HELD, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import type { Horizon } from './look';

/** What to claim of one publisher: events that a look found, or the next of its backlog. */
export interface Wanted {
  readonly publisher: PublisherRef;
  /** Ids that a look found, ascending; empty = read the backlog behind `after`. */
  readonly ids: readonly string[];
  /** Decimal string of the last id that the scan has read. */
  readonly after: string;
  readonly events: number;
  readonly bytes: number;
  /** Some keys may have a parked event, behind which later ones wait. Under onPoison skip always false. */
  readonly holds: boolean;
}

export interface ClaimedEvent {
  readonly event: OutboxEvent;
  readonly fingerprint: number;
}

/** Of one publisher, aligned with what was wanted. */
export interface Claimed {
  /** False: the row says another owner, or an operator stopped it. Nothing was read then. */
  readonly allowed: boolean;
  readonly events: readonly ClaimedEvent[];
  /** Of a scan: fewer than asked for are pending behind `after`. */
  readonly exhausted: boolean;
  /**
   * Of a scan: ids below `after` that became visible since the horizon, which may have to go before what the scan read. The caller has not
   * heard of them from a look yet.
   */
  readonly late: readonly string[];
}

const COLUMNS = columnsOf('e.headers', 'e.payload');
const FINGERPRINT = 'outbox.fingerprint(e.dedupe_key, e.created_at)';
const OF_PUBLISHER = `e.tenant_id = w.tenant and e.destination = w.destination and e.shard = w.shard and e.status = 'pending' and e.lane = 0`;
/** What Kafka has already and could not be marked: never sent again. */
const NOT_UNSETTLED = `e.event_id <> all (array(select u.event_id from outbox.unsettled u where u.tenant_id = w.tenant and u.replay_id = ''))`;

/** Asked of each event, and only of publishers that hold keys: a claim costs what it takes, however many keys are held. */
const NOT_HELD = `(not w.holds or e.ordering_key is null or not exists (
  select from outbox.events h where h.tenant_id = w.tenant and h.destination = w.destination and h.shard = w.shard and h.status = 'failed'
    and h.lane = 0 and h.ordering_key = e.ordering_key and h.event_id < e.event_id))`;

const OWNED = `p.owner_relay = $1 and p.owner_fence = $2 and not ${STOPPED('p')}`;
const JOINED = `join outbox.publishers p on p.tenant_id = w.tenant and p.destination = w.destination and p.shard = w.shard and ${OWNED}`;

/** A prefix that fits into the bytes, at least one event. */
const FITTING = (inner: string): string => `
  select e.*, sum(e.size) over (order by e.event_id rows unbounded preceding) as so_far, row_number() over (order by e.event_id) as place,
         count(*) over () as found
  from (${inner}) e`;

/**
 * P1: the next events of several publishers, in order of id within each, as many as each may have (a first event may be larger than its
 * bytes). One statement, on the primary: the fence holds, each publisher is this relay's and no operator stopped it. It takes no locks: only
 * this relay sends them. What was in flight when the claim began is the caller's to leave out.
 * Rejects with FENCED when the relay is lost.
 */
export async function claim(
  db: Db,
  held: HeldRelay,
  wanted: readonly Wanted[],
  horizon: Horizon,
): Promise<readonly Claimed[]> {
  const scans = wanted.flatMap((want, i) => (want.ids.length === 0 ? [{ ...want, i }] : []));
  const named = wanted.flatMap((want, i) => (want.ids.length === 0 ? [] : [{ ...want, i }]));
  const answers: Claimed[] = wanted.map(() => ({ allowed: false, events: [], exhausted: false, late: [] }));
  const [byScan, byId] = await Promise.all([
    scans.length === 0 ? [] : claimScan(db, held, scans, horizon),
    named.length === 0 ? [] : claimNamed(db, held, named),
  ]);
  for (const [i, answer] of [...byScan, ...byId]) answers[i] = answer;
  return answers;
}

type Row = [ord: string | null, late: string | null, ...columns: EventColumns, fingerprint: string, found: string];
type Indexed = Wanted & { readonly i: number };

async function claimScan(
  db: Db,
  held: HeldRelay,
  scans: readonly Indexed[],
  horizon: Horizon,
): Promise<(readonly [number, Claimed])[]> {
  const rows = await queryText<Row>(
    db,
    `with ${HELD}, w as materialized (
       select w.*, p.tenant_id is not null as owned from held cross join
         unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::int[], $9::bigint[], $10::boolean[]) with ordinality
         as w (tenant, destination, shard, behind, events, bytes, holds, ord) ${JOINED}
     ), late as materialized (
       select w.ord, string_agg(n.event_id::text, ',') as ids
       from (select e.* from outbox.events e where e.status = 'pending' and e.lane = 0 and e.xid >= $11::xid8
             union all select e.* from outbox.events e where e.status = 'pending' and e.lane = 0 and e.xid = any ($12::xid8[])) n
       join w on n.tenant_id = w.tenant and n.destination = w.destination and n.shard = w.shard and n.event_id <= w.behind
       group by w.ord
     )
     select w.ord, late.ids, ${COLUMNS}, e.fingerprint, e.found
     from held left join w on true left join late on late.ord = w.ord left join lateral (
       select * from (${FITTING(`
         select e.*, ${FINGERPRINT} as fingerprint, coalesce(octet_length(e.payload), 0) + ${EVENT_BYTES} as size
         from outbox.events e where ${OF_PUBLISHER} and e.event_id > w.behind and ${NOT_UNSETTLED} and ${NOT_HELD}
         order by e.event_id limit w.events`)}) e
       where e.so_far <= w.bytes or e.place = 1
     ) e on true
     order by w.ord, e.event_id`,
    [...holdValues(held), ...wantedColumns(scans), horizon.xmax, horizon.inProgress],
  );
  return collect(held, rows, scans);
}

async function claimNamed(db: Db, held: HeldRelay, named: readonly Indexed[]): Promise<(readonly [number, Claimed])[]> {
  const rows = await queryText<Row>(
    db,
    `with ${HELD}, w as materialized (
       select w.* from held cross join unnest($4::text[], $5::text[], $6::smallint[], $7::bigint[], $8::int[], $9::bigint[], $10::boolean[]) with ordinality
         as w (tenant, destination, shard, behind, events, bytes, holds, ord) ${JOINED}
     )
     select w.ord, null, ${COLUMNS}, e.fingerprint, e.found
     from held left join w on true left join lateral (
       select * from (${FITTING(`
         select e.*, ${FINGERPRINT} as fingerprint, coalesce(octet_length(e.payload), 0) + ${EVENT_BYTES} as size
         from unnest($11::int[], $12::bigint[]) as n (ord, id)
         join outbox.events e on e.event_id = n.id and ${OF_PUBLISHER} and ${NOT_UNSETTLED} and ${NOT_HELD}
         where n.ord = w.ord order by e.event_id limit w.events`)}) e
       where e.so_far <= w.bytes or e.place = 1
     ) e on true
     order by w.ord, e.event_id`,
    [
      ...holdValues(held),
      ...wantedColumns(named),
      named.flatMap(({ ids }, i) => ids.map(() => i + 1)),
      named.flatMap(({ ids }) => ids),
    ],
    named.length === 1 ? 'claim of named events' : undefined,
  );
  return collect(held, rows, named);
}

function wantedColumns(wanted: readonly Indexed[]): unknown[] {
  return [
    wanted.map((w) => w.publisher.tenant),
    wanted.map((w) => w.publisher.destination),
    wanted.map((w) => w.publisher.shard),
    wanted.map((w) => w.after),
    wanted.map((w) => w.events),
    wanted.map((w) => w.bytes),
    wanted.map((w) => w.holds),
  ];
}

function collect(held: HeldRelay, rows: readonly Row[], wanted: readonly Indexed[]): (readonly [number, Claimed])[] {
  if (rows.length === 0) throw lostRelay(held, 'claiming events');
  const events = new Map<number, ClaimedEvent[]>();
  const late = new Map<number, readonly string[]>();
  const found = new Map<number, number>();
  for (const [ord, lateIds, ...columns] of rows) {
    if (ord === null) continue;
    const at = Number(ord) - 1;
    const want = wanted[at];
    if (want === undefined) continue;
    let own = events.get(at);
    if (own === undefined) events.set(at, (own = []));
    if (lateIds !== null) late.set(at, lateIds.split(','));
    if (columns[0] === null) continue;
    found.set(at, Number(columns.at(-1)));
    const event = toEvent(want.publisher.tenant, columns.slice(0, -2) as unknown as EventColumns);
    own.push({ event, fingerprint: Number(columns.at(-2)) });
  }
  return wanted.map((want, at) => {
    const own = events.get(at) ?? [];
    // What was read and left out, because its bytes did not fit, is still there.
    const read = found.get(at) ?? 0;
    const exhausted = want.ids.length === 0 && read < want.events && read === own.length;
    return [want.i, { allowed: events.has(at), events: own, exhausted, late: late.get(at) ?? [] }] as const;
  });
}
