import type { OutboxEvent } from '../../domain/event';
import type { PublisherRef } from '../../domain/publisher';
import { toEvent } from '../event-columns';
import type { EventColumns } from '../event-columns';
import type { Db } from '../query';
import { queryText } from '../query';
import {
  ANSWERED,
  FITTING,
  JOINED,
  LATE,
  LIMIT,
  MOST_MET,
  NAMED,
  NOT_UNSETTLED,
  OF_PUBLISHER,
  READ,
  WANTED,
  since,
} from './claim-sql';
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
  /** Something is parked or set aside: each event is asked about. */
  readonly asks: boolean;
  /** Later events of a key wait behind a parked one. Under onPoison skip false. */
  readonly holds: boolean;
}

export interface ClaimedEvent {
  readonly event: OutboxEvent;
  readonly fingerprint: number;
}

/** An event that the claim met and that must wait; without its payload. */
export interface WaitingEvent {
  readonly event: OutboxEvent;
  /** Where it belongs. */
  readonly lane: number;
}

/** Of one publisher, aligned with what was wanted. */
export interface Claimed {
  /** False: the row says another owner, or an operator stopped it. Nothing was read then. */
  readonly allowed: boolean;
  readonly events: readonly ClaimedEvent[];
  /** Met between those. */
  readonly waiting: readonly WaitingEvent[];
  /** The last of both; null = none. */
  readonly last: string | null;
  /** Of a scan: fewer than asked for are pending behind `after`. */
  readonly exhausted: boolean;
  /**
   * What became visible since the horizon, and the caller has not heard of from a look yet: of a scan ids up to `after`, of named events,
   * where something was released, lower ones with a key. They may have to go before what was read.
   */
  readonly late: readonly LateEvent[];
  /** The publisher's when this was read: an operator's change raises it. */
  readonly revision: number;
}

export interface LateEvent {
  readonly id: string;
  readonly key: string | null;
}

const NOTHING: Claimed = {
  ...{ allowed: false, events: [], waiting: [], last: null, exhausted: false, late: [], revision: 0 },
};

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
  const answers: Claimed[] = wanted.map(() => NOTHING);
  const [byScan, byId] = await Promise.all([
    scans.length === 0 ? [] : claimScan(db, held, scans, horizon),
    named.length === 0 ? [] : claimNamed(db, held, named, horizon),
  ]);
  for (const [i, answer] of [...byScan, ...byId]) answers[i] = answer;
  return answers;
}

type Row = [
  ord: string | null,
  revision: string,
  late: string | null,
  ...columns: EventColumns,
  fingerprint: string,
  belongs: string,
  found: string,
];
type Indexed = Wanted & { readonly i: number };

/** The wanted publishers that are this relay's and not stopped; `late` of them by `condition`, looked for where `when` holds. */
const head = (condition: string, when = 'true'): string => `${HELD}, w as materialized (
       select w.*, p.revision from held cross join ${WANTED} ${JOINED}
     ), n as materialized (
       select n.* from (${since('e.tenant_id, e.destination, e.shard, e.event_id, e.ordering_key', 12)}) n where ${when}
     ), late as materialized (
       select w.ord, ${LATE} as ids from n
       join w on n.tenant_id = w.tenant and n.destination = w.destination and n.shard = w.shard and ${condition}
       group by w.ord
     )`;
const ANSWER = `w.ord, w.revision, late.ids, ${ANSWERED}, e.fingerprint, e.belongs, e.found
     from held left join w on true left join late on late.ord = w.ord`;

async function claimScan(
  db: Db,
  held: HeldRelay,
  scans: readonly Indexed[],
  horizon: Horizon,
): Promise<(readonly [number, Claimed])[]> {
  const rows = await queryText<Row>(
    db,
    `with ${head('n.event_id <= w.behind')}
     select ${ANSWER} left join lateral (${FITTING(`
       select ${READ} from outbox.events e where ${OF_PUBLISHER} and e.event_id > w.behind and ${NOT_UNSETTLED}
       order by e.event_id limit ${LIMIT}`)}) e on true
     order by w.ord, e.event_id`,
    [...holdValues(held), ...wantedColumns(scans), horizon.xmax, horizon.inProgress],
  );
  return collect(held, rows, scans);
}

async function claimNamed(
  db: Db,
  held: HeldRelay,
  named: readonly Indexed[],
  horizon: Horizon,
): Promise<(readonly [number, Claimed])[]> {
  const rows = await queryText<Row>(
    db,
    `with ${head('n.event_id < w.behind and n.ordering_key is not null and w.asks', 'exists (select from w where w.asks)')}
     select ${ANSWER} left join lateral (${FITTING(`
       select ${READ} from unnest(string_to_array(($14::text[])[w.ord], ',')::bigint[]) as n (id) cross join lateral (${NAMED}) e
       where ${NOT_UNSETTLED} order by e.event_id limit w.events`)}) e on true
     order by w.ord, e.event_id`,
    [
      ...holdValues(held),
      ...wantedColumns(named),
      horizon.xmax,
      horizon.inProgress,
      named.map(({ ids }) => ids.join(',')),
    ],
    'claim of named events',
  );
  return collect(held, rows, named);
}

function wantedColumns(wanted: readonly Indexed[]): unknown[] {
  return [
    wanted.map((w) => w.publisher.tenant),
    wanted.map((w) => w.publisher.destination),
    wanted.map((w) => w.publisher.shard),
    wanted.map((w) => w.ids.at(-1) ?? w.after),
    wanted.map((w) => w.events),
    wanted.map((w) => w.bytes),
    wanted.map((w) => w.asks),
    wanted.map((w) => w.holds),
  ];
}

function collect(held: HeldRelay, rows: readonly Row[], wanted: readonly Indexed[]): (readonly [number, Claimed])[] {
  if (rows.length === 0) throw lostRelay(held, 'claiming events');
  const answers = new Map<number, Answer>();
  for (const [ord, revision, late, ...columns] of rows) {
    if (ord === null) continue;
    const at = Number(ord) - 1;
    const want = wanted[at];
    if (want === undefined) continue;
    let own = answers.get(at);
    if (own === undefined)
      answers.set(
        at,
        (own = { events: [], waiting: [], last: null, read: 0, late: lateOf(late), revision: +revision }),
      );
    if (columns[0] === null) continue;
    const [fingerprint, belongs, found] = columns.slice(-3) as [string, string, string];
    const event = toEvent(want.publisher.tenant, columns.slice(0, -3) as unknown as EventColumns);
    own.read = Number(found);
    own.last = event.id;
    if (belongs === '0') own.events.push({ event, fingerprint: Number(fingerprint) });
    else own.waiting.push({ event, lane: Number(belongs) });
  }
  return wanted.map((want, at) => {
    const own = answers.get(at);
    if (own === undefined) return [want.i, NOTHING] as const;
    const { read, ...rest } = own;
    // What was read and left out, because its bytes did not fit, is still there.
    const met = own.events.length + own.waiting.length;
    const most = want.asks ? Math.max(want.events, MOST_MET) : want.events;
    const exhausted = want.ids.length === 0 && read < most && read === met;
    return [want.i, { ...rest, allowed: true, exhausted }] as const;
  });
}

interface Answer {
  readonly events: ClaimedEvent[];
  readonly waiting: WaitingEvent[];
  last: string | null;
  /** Before bytes and events were cut. */
  read: number;
  readonly late: readonly LateEvent[];
  readonly revision: number;
}

function lateOf(json: string | null): readonly LateEvent[] {
  if (json === null) return [];
  return (JSON.parse(json) as [string, string | null][]).map(([id, key]) => ({ id, key }));
}
