import type { MemberGroup, Settled } from '../../domain/relay/types';
import type { Db } from '../query';
import { query } from '../query';
import { HOLDS, holdValues } from './holds';
import type { HeldRelay } from './holds';
import { COUNTED, bounds, toResult } from './settle';
import type { ResultRow, SettleResult } from './settle';

export interface RecoverResult extends SettleResult {
  /** Members that this database does not have: a fail-over lost them after they were published, or their tenant was deleted. */
  readonly strangers: number;
  /** Of those, decimal string; '0' without any. */
  readonly highestStranger: string;
}

/** A committed batch as the ledger has it. */
interface LedgerBatch {
  readonly seq: number;
  readonly groups: readonly MemberGroup[];
}

/**
 * One chunk of T4, one statement: what the ledger names is published, whatever its status says, where the fingerprint is the event's own
 * (ids are given again after a fail-over that lost some). L moves with it. Waits for no row: locked ones go into outbox.unsettled.
 * Where in Kafka an event lies is not known here. Rejects with FENCED when the relay is lost.
 */
export async function recoverChunk(
  db: Db,
  held: HeldRelay,
  chunk: { readonly before: number; readonly next: Settled; readonly batches: readonly LedgerBatch[] },
): Promise<RecoverResult> {
  const members = chunk.batches.flatMap(({ seq, groups }) =>
    groups.flatMap(({ publisher: { tenant }, members: some }) =>
      some.flatMap(({ eventId, replayId, fingerprint }) =>
        replayId === null ? [{ tenant, eventId, fingerprint, seq }] : [],
      ),
    ),
  );
  const rows = await query<ResultRow & { strangers: number; highestStranger: string }>(
    db,
    `with held as materialized (
       update outbox.relays set ledger_offset = $5, ledger_kind = $6, ledger_seq = $7, ledger_fence = $8, updated_at = clock_timestamp(),
         moved_at = clock_timestamp()
       where ${HOLDS} and ledger_offset = $4 returning 1
     ), m as materialized (
       select m.*, e.status from held cross join unnest($9::text[], $10::bigint[], $11::bigint[], $12::bigint[]) as m (tenant, id, fingerprint, seq)
       left join outbox.events e on e.tenant_id = m.tenant and e.event_id = m.id and e.event_id between $13 and $14
         and outbox.fingerprint(e.dedupe_key, e.created_at) = m.fingerprint
     ), free as (
       select m.tenant, m.id, m.seq from m, outbox.events e
       where m.status <> 'published' and e.tenant_id = m.tenant and e.event_id = m.id for update of e skip locked
     ), done as (
       update outbox.events e
       set status = 'published', published_at = clock_timestamp(), topic_partition = null, topic_offset = null,
           batch_relay = $1, batch_seq = m.seq, error_code = null, error_reason = null, failed_at = null
       from free m where e.tenant_id = m.tenant and e.event_id = m.id and e.status <> 'published'
       returning e.tenant_id, e.destination, e.shard, e.event_id, coalesce(octet_length(e.payload), 0) as bytes
     ), ${COUNTED}, rest as (
       insert into outbox.unsettled (tenant_id, event_id, fingerprint, relay, seq)
       select m.tenant, m.id, m.fingerprint, $1, m.seq from m
       where m.status <> 'published' and not exists (select from done d where d.tenant_id = m.tenant and d.event_id = m.id)
       on conflict do nothing returning 1
     )
     select c.tenant_id as tenant, c.destination, c.shard::int, c.n::float8 as events, c.bytes::float8,
            (select count(*)::int from rest) as unsettled, (select count(*)::int from m where m.status is null) as strangers,
            (select coalesce(max(m.id), 0)::text from m where m.status is null) as "highestStranger"
     from held left join counted c on true`,
    [
      ...holdValues(held),
      chunk.before,
      chunk.next.offset,
      chunk.next.kind,
      chunk.next.seq,
      chunk.next.fence,
      members.map((m) => m.tenant),
      members.map((m) => m.eventId),
      members.map((m) => m.fingerprint),
      members.map((m) => m.seq),
      ...bounds(members),
    ],
  );
  return {
    ...toResult(held, rows, 'taking over'),
    strangers: rows[0]?.strangers ?? 0,
    highestStranger: rows[0]?.highestStranger ?? '0',
  };
}

/**
 * Counts what the ledger names and this database lacks, for whoever asks what a fail-over lost, and sees to it that their ids are not given
 * again: consumers know them. Events that got one before are told apart by their fingerprint.
 */
export async function noteStrangers(
  db: Db,
  held: HeldRelay,
  found: { readonly strangers: number; readonly highestId: string },
): Promise<void> {
  await query(
    db,
    `with noted as (update outbox.relays set strangers = strangers + $4 where ${HOLDS} returning 1)
     select setval('outbox.events_event_id_seq', $5::bigint) from noted, outbox.events_event_id_seq s where s.last_value < $5::bigint`,
    [...holdValues(held), found.strangers, found.highestId],
  );
}
