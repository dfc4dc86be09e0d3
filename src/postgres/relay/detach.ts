import type { PublisherRef } from '../../domain/publisher';
import { ASLEEP } from '../hold-key';
import { refValues } from '../publishers';
import type { Db } from '../query';
import { query } from '../query';
import { HELD, MINE, holdValues, lostRelay } from './holds';
import type { HeldRelay } from './holds';

/** A publisher that is to leave its relay, and what its row keeps of how its drain ended until the drain's activity has heard of it. */
export interface Leaving {
  readonly ref: PublisherRef;
  readonly ended: Readonly<Record<string, unknown>>;
}

/** What a publisher's row and totals say when its drain has ended. */
export interface Detached extends PublisherRef {
  /** Totals since ever, copies of replays included; less those in `drain` they are what was published while it was attached. */
  readonly published: number;
  readonly bytes: number;
  readonly drain: Readonly<Record<string, unknown>>;
  /** Something is pending that can go: a wake may have come while the row said running. */
  readonly pending: boolean;
}

const TOTALS = (alias: string, column: string): string =>
  `coalesce((select sum(${column}) from outbox.relay_counts c where c.tenant_id = ${alias}.tenant_id
    and c.destination = ${alias}.destination and c.shard = ${alias}.shard), 0)::float8`;

/**
 * Takes publishers out: owner null where it is this relay under this fence, and asleep. Only when nothing of theirs is on its way any more:
 * no claim, no prepared batch, no transaction, no settle. Those that are not in the answer were this relay's no longer.
 * Rejects with FENCED when the relay is lost.
 */
export async function detachPublishers(
  db: Db,
  held: HeldRelay,
  leaving: readonly Leaving[],
): Promise<readonly Detached[]> {
  const rows = await query<Record<string, unknown> & Omit<Detached, 'pending'> & { mine: boolean }>(
    db,
    `with ${HELD}, gone as (
       update outbox.publishers p
       set owner_relay = null, owner_fence = null, detach_asked = false, state = s.state, state_until = null,
           topics_at = case when s.state = 'held' and p.blocked is not null then clock_timestamp() end, topics_wait_ms = 0,
           drain = p.drain || u.ended, updated_at = clock_timestamp()
       from held, unnest($4::text[], $5::text[], $6::smallint[], $7::jsonb[]) as u (tenant, destination, shard, ended)
       cross join lateral (select ${asleepOf('u')} as state) s
       where p.tenant_id = u.tenant and p.destination = u.destination and p.shard = u.shard and ${MINE}
       returning p.tenant_id, p.destination, p.shard, p.drain
     )
     select g.tenant_id as tenant, g.destination, g.shard::int, g.drain, g.tenant_id is not null as mine,
            ${TOTALS('g', 'c.published + c.copies')} as published, ${TOTALS('g', 'c.bytes')} as bytes
     from held left join gone g on true`,
    [
      ...holdValues(held),
      leaving.map(({ ref }) => ref.tenant),
      leaving.map(({ ref }) => ref.destination),
      leaving.map(({ ref }) => ref.shard),
      leaving.map(({ ended }) => JSON.stringify(ended)),
    ],
  );
  if (rows.length === 0) throw lostRelay(held, 'detaching');
  const mine = rows.filter((row) => row.mine);
  // A statement of its own, after the row says sleeping: from there on whoever commits an event wakes it.
  const waiting = new Set(await pendingOf(db, mine));
  return mine.map(({ tenant, destination, shard, published, bytes, drain }, i) => ({
    ...{ tenant, destination, shard, published, bytes, drain },
    pending: waiting.has(i),
  }));
}

/** The drain's activity has heard of its outcome: nobody has to tell it again. */
export async function forgetDrain(
  db: Db,
  ref: PublisherRef,
  activity: Readonly<Record<string, unknown>>,
): Promise<void> {
  await query(
    db,
    `update outbox.publishers set drain = null
     where tenant_id = $1 and destination = $2 and shard = $3 and owner_relay is null and drain -> 'address' = $4::jsonb`,
    [...refValues(ref), JSON.stringify(activity)],
  );
}

/**
 * True if the row names this activity: its publisher is attached, or its outcome will be told. Otherwise the drain is given up for good: should
 * its worker live and only be late, the row refuses its attach.
 */
export async function hasDrain(
  db: Db,
  ref: PublisherRef,
  activity: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const [row] = await query<{ attached: boolean }>(
    db,
    `with given_up as (
       update outbox.publishers set given_up = $4::jsonb
       where tenant_id = $1 and destination = $2 and shard = $3 and drain -> 'address' is distinct from $4::jsonb returning 1
     )
     select exists (select from outbox.publishers where tenant_id = $1 and destination = $2 and shard = $3)
       and not exists (select from given_up) as attached`,
    [...refValues(ref), JSON.stringify(activity)],
  );
  return row?.attached === true;
}

/** Drains that ended so long ago (ms) and whose activities may not have heard of it: whoever was to tell them died. */
export async function untoldDrains(db: Db, olderMs: number, limit: number): Promise<readonly Detached[]> {
  const rows = await query<Record<string, unknown> & Omit<Detached, 'pending'>>(
    db,
    `select p.tenant_id as tenant, p.destination, p.shard::int, p.drain, ${TOTALS('p', 'c.published + c.copies')} as published,
            ${TOTALS('p', 'c.bytes')} as bytes
     from outbox.publishers p
     where p.owner_relay is null and p.drain is not null and p.updated_at < clock_timestamp() - $1::int * interval '1 ms'
     order by p.updated_at limit $2`,
    [olderMs, limit],
  );
  // Whether something is pending may have changed: its workflow looks.
  return rows.map((row) => ({ ...row, pending: true }));
}

/** Which of these (by index) have an event that can go. */
async function pendingOf(db: Db, refs: readonly PublisherRef[]): Promise<number[]> {
  if (refs.length === 0) return [];
  const rows = await query<{ i: number }>(
    db,
    `select (u.ord - 1)::int as i
     from unnest($1::text[], $2::text[], $3::smallint[]) with ordinality as u (tenant, destination, shard, ord)
     where exists (select from outbox.events e where e.tenant_id = u.tenant and e.destination = u.destination and e.shard = u.shard
       and e.status = 'pending' and e.lane = 0)
     or exists (select from outbox.replay_events r where r.tenant_id = u.tenant and r.destination = u.destination
       and r.shard = u.shard and r.status = 'pending')`,
    [refs.map((r) => r.tenant), refs.map((r) => r.destination), refs.map((r) => r.shard)],
  );
  return rows.map(({ i }) => i);
}

/** `ASLEEP` of the publisher that the row `alias` names, in place of parameters. */
function asleepOf(alias: string): string {
  return ASLEEP.replaceAll('$1', `${alias}.tenant`)
    .replaceAll('$2', `${alias}.destination`)
    .replaceAll('$3', `${alias}.shard`);
}
