import type { PublisherRef } from '../../domain/publisher';
import type { Settled } from '../../domain/relay/types';
import { sqlstateOf } from '../errors';
import type { Db } from '../query';
import { query } from '../query';
import { PUBLISH_COPIES, copyMembers, copyValues, countCopies, lockCopies } from './copies';
import type { CopyMember } from './copies';
import { HOLDS, STILL_PENDING, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/** A member of a committed batch, and where Kafka put it where that is known. */
export interface PlacedMember {
  readonly tenant: string;
  readonly eventId: string;
  /** Of a copy; null = the event itself. */
  readonly replayId: string | null;
  readonly fingerprint: number;
  readonly partition: number | null;
  /** Decimal string. */
  readonly offset: string | null;
}

/** What one publisher's rows of a settle came to: only rows that it changed. */
export interface SettledCount extends PublisherRef {
  readonly events: number;
  /** Copies of replays, beside `events`. */
  readonly copies: number;
  /** Payloads of both. */
  readonly bytes: number;
}

export interface SettleResult {
  readonly counts: readonly SettledCount[];
  /** Members whose row was locked: they are in outbox.unsettled. */
  readonly unsettled: number;
}

/** A settle waits for one row's lock so long at most; then the locked ones are left behind. Whole transactions of others end within it. */
const LOCK_MS = 200;
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * P3, one statement: the members of a committed batch are published, the totals of their publishers counted, and L moved to the batch's
 * record, where L is the record before. Never waits for one event's lock for longer than 200 ms: then locked members go into
 * outbox.unsettled. Rejects with FENCED when the relay is lost, and with what Postgres said: after an unknown answer give the fence up.
 */
export async function settleBatch(
  db: Db,
  held: HeldRelay,
  batch: { readonly before: number; readonly next: Settled; readonly members: readonly PlacedMember[] },
): Promise<SettleResult> {
  try {
    return await settle(db, held, batch, false);
  } catch (error) {
    if (sqlstateOfCause(error) !== LOCK_NOT_AVAILABLE) throw error;
    return settle(db, held, batch, true);
  }
}

async function settle(
  db: Db,
  held: HeldRelay,
  batch: Parameters<typeof settleBatch>[2],
  skipLocked: boolean,
): Promise<SettleResult> {
  const { before, next } = batch;
  const members = batch.members.filter(({ replayId }) => replayId === null);
  const copies = copiesOf(batch);
  const some = copies.length > 0;
  const pending = `e.tenant_id = m.tenant and e.event_id = m.id and ${STILL_PENDING}`;
  const free = `, free as (
       select m.tenant, m.id, m.partition, m.position from held, m, outbox.events e where ${pending} for update of e skip locked
     )`;
  const rows = await query<ResultRow>(
    db,
    `with held as materialized (
       update outbox.relays set ledger_offset = $5, ledger_kind = 'batch', ledger_seq = $6, ledger_fence = $7, updated_at = clock_timestamp(),
         moved_at = clock_timestamp()
       where ${HOLDS} and ledger_offset = $4 returning set_config('lock_timeout', '${LOCK_MS}', true)
     ), m as (
       select * from unnest($8::text[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[]) as m (tenant, id, fingerprint, partition, position)
     )${skipLocked ? free : ''}, done as (
       update outbox.events e
       set status = 'published', published_at = clock_timestamp(), topic_partition = m.partition, topic_offset = m.position,
           batch_relay = $1, batch_seq = $6, error_code = null, error_reason = null
       from held, ${skipLocked ? 'free m' : 'm'} where ${pending}
       returning e.tenant_id, e.destination, e.shard, e.event_id, coalesce(octet_length(e.payload), 0) as bytes
     )${some ? `${copyMembers(13)}${lockCopies(skipLocked)}${PUBLISH_COPIES}${countCopies('copied')}` : ''}, ${some ? counted('done', 'copied') : counted('done')}, rest as (
       insert into outbox.unsettled (tenant_id, event_id, replay_id, fingerprint, relay, seq, topic_partition, topic_offset)
       select m.tenant, m.id, '', m.fingerprint, $1, $6, m.partition, m.position from held, m
       where not exists (select from done d where d.tenant_id = m.tenant and d.event_id = m.id)
       ${some ? COPIES_LEFT : ''}
       on conflict do nothing returning 1
     )
     ${RESULT}`,
    [
      ...holdValues(held),
      before,
      next.offset,
      next.seq,
      next.fence,
      members.map((m) => m.tenant),
      members.map((m) => m.eventId),
      members.map((m) => m.fingerprint),
      members.map((m) => m.partition),
      members.map((m) => m.offset),
      ...(some ? copyValues(copies) : []),
    ],
  );
  return toResult(held, rows, 'settling');
}

const COPIES_LEFT = `union all
       select c.tenant, c.id, c.replay, c.fingerprint, $1, c.seq, c.partition, c.position from held, c
       where not exists (select from copied d where d.tenant_id = c.tenant and d.event_id = c.id and d.replay_id = c.replay)`;

function copiesOf({ members, next }: Parameters<typeof settleBatch>[2]): CopyMember[] {
  return members.flatMap(({ replayId, ...rest }) => (replayId === null ? [] : [{ ...rest, replayId, seq: next.seq }]));
}

/**
 * Totals of what these table expressions changed, events and copies, in rows that only relays write. `held` is what the fence requires.
 */
export function counted(...steps: readonly ('done' | 'copied' | 'restored')[]): string {
  const all = steps.map((step) => {
    const kind = step === 'done' ? '1 as event, 0 as copy' : '0 as event, 1 as copy';
    return `select tenant_id, destination, shard, bytes, ${kind} from ${step}`;
  });
  return `counted as (
       select tenant_id, destination, shard, sum(event) as n, sum(copy) as copies, sum(bytes) as bytes
       from (${all.join(' union all ')}) d group by tenant_id, destination, shard
     ), totals as (
       insert into outbox.relay_counts as c (tenant_id, destination, shard, relay, published, bytes, copies)
       select tenant_id, destination, shard, $1::smallint, n, bytes, copies from counted
       on conflict (tenant_id, destination, shard, relay) do update
         set published = c.published + excluded.published, bytes = c.bytes + excluded.bytes, copies = c.copies + excluded.copies
     )`;
}

export const RESULT = `select c.tenant_id as tenant, c.destination, c.shard::int, c.n::float8 as events, c.copies::float8, c.bytes::float8,
            (select count(*)::int from rest) as unsettled
     from held left join counted c on true`;

export interface ResultRow extends Record<string, unknown> {
  readonly tenant: string | null;
  readonly destination: string;
  readonly shard: number;
  readonly events: number;
  readonly copies: number;
  readonly bytes: number;
  readonly unsettled: number;
}

export function toResult(held: HeldRelay, rows: readonly ResultRow[], doing: string): SettleResult {
  if (rows.length === 0) throw lostRelay(held, doing);
  const counts = rows.flatMap(({ tenant, destination, shard, events, copies, bytes }) =>
    tenant === null ? [] : [{ tenant, destination, shard, events, copies, bytes }],
  );
  return { counts, unsettled: rows[0]?.unsettled ?? 0 };
}

function sqlstateOfCause(error: unknown): string | null {
  return error instanceof Error ? sqlstateOf(error.cause) : null;
}
