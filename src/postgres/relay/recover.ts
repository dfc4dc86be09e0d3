import type { MemberGroup, Settled } from '../../domain/relay/types';
import type { Db } from '../query';
import { query } from '../query';
import { copyValues } from './copies';
import type { CopyMember } from './copies';
import { HOLDS, holdValues, unguessed } from './holds';
import type { HeldRelay } from './holds';
import { COPIES_LEFT, OF_COPIES } from './recover-copies';
import { counted, toResult } from './settle';
import type { ResultRow, SettleResult } from './settle';

export interface RecoverResult extends SettleResult {
  /** Members that this database does not have: a fail-over lost them after they were published. */
  readonly strangers: number;
  /** Of those: another event of the same tenant has the id by now. */
  readonly idsGivenAgain: number;
  /** Members of tenants that this database does not have: those were deleted. */
  readonly ofDeleted: number;
  /** Of both, decimal string; '0' without any. */
  readonly highestStranger: string;
}

const NOT_PUBLISHED = unguessed(`e.status <> 'published'`);

/** A committed batch as the ledger has it. */
interface LedgerBatch {
  readonly seq: number;
  readonly groups: readonly MemberGroup[];
}

/**
 * One chunk of T4, one statement: what the ledger names is published, whatever its status says, where the fingerprint is the event's own
 * (ids are given again after a fail-over that lost some). L moves with it, and N. Waits for no row: locked ones go into outbox.unsettled.
 * Where in Kafka an event lies is not known here. Rejects with FENCED when the relay is lost.
 */
export async function recoverChunk(
  db: Db,
  held: HeldRelay,
  chunk: {
    readonly before: number;
    readonly next: Settled;
    readonly batches: readonly LedgerBatch[];
    /** Of relay 0: so many relays there are from now on, as a barrier in the chunk says. */
    readonly relays?: number;
  },
): Promise<RecoverResult> {
  const all = chunk.batches.flatMap(({ seq, groups }) =>
    groups.flatMap(({ publisher: { tenant }, members: some }) => some.map((member) => ({ ...member, tenant, seq }))),
  );
  const members = all.filter(({ replayId }) => replayId === null);
  const copies = all.flatMap(({ replayId, ...rest }): CopyMember[] =>
    replayId === null ? [] : [{ ...rest, replayId, partition: null, offset: null }],
  );
  const some = copies.length > 0;
  const rows = await query<
    ResultRow & { strangers: number; idsGivenAgain: number; ofDeleted: number; highestStranger: string }
  >(
    db,
    `with held as materialized (
       update outbox.relays set ledger_offset = $5, ledger_kind = $6, ledger_seq = $7, ledger_fence = $8, updated_at = clock_timestamp(),
         moved_at = clock_timestamp()
       where ${HOLDS} and ledger_offset = $4 returning 1
     )${chunk.relays === undefined ? '' : raised(chunk.relays)}, m as materialized (
       select m.*, e.status from held cross join unnest($9::text[], $10::bigint[], $11::bigint[], $12::bigint[]) as m (tenant, id, fingerprint, seq)
       left join lateral (
         select e.status, e.dedupe_key, e.created_at from outbox.events e where e.tenant_id = m.tenant and e.event_id = m.id limit 1
       ) e on outbox.fingerprint(e.dedupe_key, e.created_at) = m.fingerprint
     ), free as (
       select m.tenant, m.id, m.seq from m, outbox.events e
       where m.status <> 'published' and e.tenant_id = m.tenant and e.event_id = m.id and ${NOT_PUBLISHED} for update of e skip locked
     ), done as (
       update outbox.events e
       set status = 'published', published_at = clock_timestamp(), topic_partition = null, topic_offset = null,
           batch_relay = $1, batch_seq = m.seq, error_code = null, error_reason = null, failed_at = null
       from free m where e.tenant_id = m.tenant and e.event_id = m.id and ${NOT_PUBLISHED}
       returning e.tenant_id, e.destination, e.shard, e.event_id, coalesce(octet_length(e.payload), 0) as bytes
     )${some ? OF_COPIES : ''}, ${some ? counted('done', 'copied', 'restored') : counted('done')}, rest as (
       insert into outbox.unsettled (tenant_id, event_id, replay_id, fingerprint, relay, seq)
       select m.tenant, m.id, '', m.fingerprint, $1, m.seq from m
       where m.status <> 'published' and not exists (select from done d where d.tenant_id = m.tenant and d.event_id = m.id)
       ${some ? COPIES_LEFT : ''}
       on conflict do nothing returning 1
     ), strange as (
       select s.id, t.tenant_id is not null as known,
              exists (select from outbox.events e where e.tenant_id = s.tenant and e.event_id = s.id) as again
       from (select tenant, id from m where status is null ${some ? 'union all select tenant, id from found where not known' : ''}) s
       left join outbox.tenants t on t.tenant_id = s.tenant
     )
     select c.tenant_id as tenant, c.destination, c.shard::int, c.n::float8 as events, c.copies::float8, c.bytes::float8,
            (select count(*)::int from rest) as unsettled, (select count(*)::int from strange where known) as strangers,
            (select count(*)::int from strange where again) as "idsGivenAgain",
            (select count(*)::int from strange where not known) as "ofDeleted",
            (select coalesce(max(id), 0)::text from strange) as "highestStranger"
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
      ...(some ? copyValues(copies) : []),
    ],
  );
  const [first] = rows;
  return {
    ...toResult(held, rows, 'taking over'),
    strangers: first?.strangers ?? 0,
    idsGivenAgain: first?.idsGivenAgain ?? 0,
    ofDeleted: first?.ofDeleted ?? 0,
    highestStranger: first?.highestStranger ?? '0',
  };
}

/** N moves with the chunk that passes the barrier which raised it: cut before, the next take-over meets that barrier again. */
function raised(relays: number): string {
  if (!Number.isInteger(relays)) throw new RangeError(`${relays} is no number of relays`);
  return `, raised as (update outbox.installation i set relays = ${relays} from held where i.relays < ${relays})`;
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
