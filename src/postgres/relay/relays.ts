import { OutboxError } from '../../domain/errors';
import type { PublisherRef } from '../../domain/publisher';
import type { Origin, Settled } from '../../domain/relay/types';
import type { LedgerHalt } from '../../domain/relay/ledger-halt';
import type { Db } from '../query';
import { query } from '../query';
import { GENERATION } from './generation';
import { HELD, HOLDS, ORIGIN, SERVER, UNRECOVERED, WAL, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';
import { ASKS } from './lanes';

/** What a take-over finds. */
export interface TakenRelay extends HeldRelay, Origin {
  /** L, up to which everything in the relay's partition is settled. */
  readonly settled: Settled;
  /** Every identity of this database; a barrier of another one means that a newer database exists. */
  readonly servers: readonly string[];
  /** N: how many relays there are. */
  readonly relays: number;
  /** The ledger topic's identity that was remembered when it was made; null = not yet. */
  readonly ledgerId: string | null;
  /** An operator has chosen the ledger as it is now. */
  readonly adopting: boolean;
}

/**
 * T0: raises the fence, so that every statement under an older one finds nothing. A missing row is made. Rejects with FENCED while another
 * worker's lease is good, and while the relay is halted with LEDGER_MISMATCH. The server's own identity is among those known, also while
 * another take-over is just writing it down.
 */
export async function takeRelay(db: Db, relay: number, holder: string, leaseMs: number): Promise<TakenRelay> {
  const [row] = await query<{
    fence: number;
    server: string;
    offset: number;
    kind: Settled['kind'];
    seq: number;
    ledgerFence: number;
    halted: { why: string } | null;
    servers: string[];
    relays: number;
    ledgerId: string | null;
    adopting: boolean;
    system: string;
    timeline: number;
    wal: number;
    generation: number;
  }>(
    db,
    `with known as (
       insert into outbox.servers as s (server, wal) values (${SERVER}, ${WAL})
       on conflict (server) do update set first_at = s.first_at returning s.wal
     ), taken as (
       insert into outbox.relays as r (relay, fence, server, holder, lease_until, generation)
       values ($1, 1, ${SERVER}, $2, clock_timestamp() + $3::int * interval '1 ms', ${GENERATION})
       on conflict (relay) do update
         set fence = r.fence + 1, server = excluded.server, holder = excluded.holder, lease_until = excluded.lease_until,
             updated_at = clock_timestamp()
         where r.holder is not distinct from $2 or r.lease_until is null or r.lease_until < clock_timestamp()
       returning *
     )
     select t.fence::float8, t.server, t.ledger_offset::float8 as offset, t.ledger_kind as kind, t.ledger_seq::float8 as seq,
            t.ledger_fence::float8 as "ledgerFence", t.halted, i.relays::int, i.ledger_id as "ledgerId",
            t.adopting is not null as adopting, t.generation::float8, k.wal::float8, ${ORIGIN},
            array(select server from outbox.servers union select t.server) as servers
     from taken t cross join known k cross join outbox.installation i`,
    [relay, holder, leaseMs],
  );
  if (row === undefined) {
    throw new OutboxError('FENCED', `Relay ${relay} is leased by another worker. Take it when its lease has run out.`);
  }
  if (row.halted !== null) {
    throw new OutboxError('LEDGER_MISMATCH', row.halted.why, { details: { relay } });
  }
  const { fence, server, servers, relays, ledgerId, adopting, offset, kind, seq, ledgerFence } = row;
  const { system, timeline, wal, generation } = row;
  const origin = { server, system, timeline, wal, generation };
  return {
    relay,
    fence,
    ...origin,
    servers,
    relays,
    ledgerId,
    adopting,
    settled: { offset, kind, seq, fence: ledgerFence },
  };
}

/** The end of T4: every older fence is taken over, on this server. */
export async function markRecovered(db: Db, held: HeldRelay): Promise<void> {
  const rows = await query(
    db,
    `update outbox.relays set closed = $2::bigint - 1, recovered_on = $3, adopting = null, updated_at = clock_timestamp() where ${HOLDS} returning 1`,
    holdValues(held),
  );
  if (rows.length === 0) throw lostRelay(held, 'ending a take-over');
}

/** A publisher that a relay has, with what its drain left in the row. */
export interface AttachedRow extends PublisherRef {
  readonly drain: Readonly<Record<string, unknown>> | null;
  /** Something of it is parked with a key, or set aside. */
  readonly asks: boolean;
}

/**
 * T5: the publishers that this relay had under older fences are its own under this one, in one statement: attachments belong to the relay.
 * Only once every relay is recovered on this server, as an attach. Never waits for a locked row. Call it again for what is `left`.
 */
export async function adoptPublishers(db: Db, held: HeldRelay): Promise<{ adopted: AttachedRow[]; left: number }> {
  const rows = await query<AttachedRow & { mine: boolean; left: number }>(
    db,
    `with ${HELD}, ${UNRECOVERED}, free as (
       select p.tenant_id, p.destination, p.shard from outbox.publishers p cross join held
       where p.owner_relay = $1 and p.owner_fence < $2 and not exists (select from unrecovered) for update of p skip locked
     ), adopted as (
       update outbox.publishers p set owner_fence = $2, updated_at = clock_timestamp() from free f
       where p.tenant_id = f.tenant_id and p.destination = f.destination and p.shard = f.shard
       returning p.tenant_id, p.destination, p.shard, p.drain
     )
     select a.tenant_id as tenant, a.destination, a.shard::int, a.drain, coalesce(${ASKS('a')}, false) as asks, a.tenant_id is not null as mine,
            (select count(*)::int from outbox.publishers p where p.owner_relay = $1 and p.owner_fence < $2) as left
     from held left join adopted a on true`,
    holdValues(held),
  );
  if (rows.length === 0) throw lostRelay(held, 'adopting publishers');
  const adopted = rows
    .filter(({ mine }) => mine)
    .map(({ tenant, destination, shard, drain, asks }) => ({ tenant, destination, shard, drain, asks }));
  return { adopted, left: Math.max(0, (rows[0]?.left ?? 0) - adopted.length) };
}

/** Stops a relay until an operator has decided. Rejects with FENCED when it is lost: an outdated take-over halts nobody. */
export async function haltRelay(db: Db, held: HeldRelay, halt: LedgerHalt): Promise<void> {
  const { reason, postgres, kafka, generation, text } = halt;
  const halted = { why: text.slice(0, 4_000), reason, postgres, kafka: kafka.slice(0, 4_000), generation };
  const rows = await query(
    db,
    `update outbox.relays set halted = $4::jsonb || jsonb_build_object('since', clock_timestamp()), updated_at = clock_timestamp()
     where ${HOLDS} returning 1`,
    [...holdValues(held), JSON.stringify(halted)],
  );
  if (rows.length === 0) throw lostRelay(held, 'halting');
}
