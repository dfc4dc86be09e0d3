import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { EventStatus } from '../domain/event';
import type { PublisherRef } from '../domain/publisher';
import type { ReplaySelection } from '../domain/replay';
import { withTransaction } from './pool';
import { refValues } from './publishers';
import type { Db } from './query';
import { query } from './query';
import type { PinnedSelection } from './replay-selection';
import { ISO_TIME, selectionSql } from './replay-selection';

/** How long a plan may wait for its start. */
const PLAN_MINUTES = 15;
const SAMPLE = 5;
const MAX_ID = '9223372036854775807';

export interface ReplayPlan {
  readonly planId: string;
  readonly ref: PublisherRef;
  /** Exact. */
  readonly count: number;
  /** The first few. */
  readonly sample: readonly SampledEvent[];
  /** When the oldest and the newest were accepted; null = none. */
  readonly oldest: string | null;
  readonly newest: string | null;
  /** What pins the selection: events as they were at `cut`, up to `lastEventId`. */
  readonly snapshot: { readonly cut: string; readonly lastEventId: string };
  readonly expiresAt: string;
}

export interface SampledEvent {
  readonly id: string;
  readonly topic: string;
  readonly type: string;
  readonly key: string | null;
  readonly status: EventStatus;
  readonly acceptedAt: string;
}

/**
 * Counts what a replay would take and pins it, so that a start within 15 minutes takes exactly that. Sends nothing. No statement of it
 * runs longer than `statementMs`; absent = as long as the pool allows.
 */
export async function planReplay(
  pool: Pool,
  ref: PublisherRef,
  selection: ReplaySelection,
  statementMs?: number,
): Promise<ReplayPlan> {
  const cut = await cutOf(pool, ref);
  return withTransaction(pool, async (client) => {
    // One snapshot for the count and the sample.
    await query(client, 'set transaction isolation level repeatable read');
    if (statementMs !== undefined) await query(client, `set local statement_timeout = ${Math.ceil(statementMs)}`);
    const counted = await countSelection(client, { ref, selection, cut, lastEventId: MAX_ID });
    const pinned: PinnedSelection = { ref, selection, cut, lastEventId: counted.lastEventId };
    const { range, fits, values } = selectionSql(pinned);
    const sample = await query<SampledEvent & Record<string, unknown>>(
      client,
      `select e.event_id::text as id, e.topic, e.event_type as type, e.ordering_key as key, e.status,
              ${ISO_TIME('e.created_at')} as "acceptedAt"
       from outbox.events e where ${range} and ${fits} order by e.event_id limit ${SAMPLE}`,
      values,
    );
    const planId = randomUUID();
    const expiresAt = await storePlan(client, planId, pinned, counted.count);
    const { count, oldest, newest, lastEventId } = counted;
    return { planId, ref, count, sample, oldest, newest, snapshot: { cut, lastEventId }, expiresAt };
  });
}

/**
 * A moment that no settle and no parking straddles. All write their time while they hold the row of the publisher, or of the relay, that this
 * statement locks too; since it changes the publisher's row, whoever waits for that computes its own time anew. A moment taken without the
 * locks would count events whose settle began before it and committed after the count.
 */
async function cutOf(db: Db, ref: PublisherRef): Promise<string> {
  const rows = await query<{ cut: string }>(
    db,
    `with relays as materialized (select count(*) as n from (select from outbox.relays order by relay for update) r),
     publisher as (
       update outbox.publishers p set updated_at = clock_timestamp() from relays
       where p.tenant_id = $1 and p.destination = $2 and p.shard = $3 and relays.n >= 0
       returning p.updated_at as cut
     )
     select coalesce((select max(cut) from publisher), case when (select n from relays) >= 0 then clock_timestamp() end)::text as cut`,
    refValues(ref),
  );
  return rows[0]?.cut ?? '';
}

/** How many events a pinned selection has now. Differs from its plan only if operators or retention changed some of them. */
export async function countSelection(
  db: Db,
  pinned: PinnedSelection,
): Promise<{ count: number; lastEventId: string; oldest: string | null; newest: string | null }> {
  const { range, fits, values } = selectionSql(pinned);
  const rows = await query<{ count: number; lastEventId: string; oldest: string | null; newest: string | null }>(
    db,
    `select count(*)::float8 as count, coalesce(max(e.event_id), 0)::text as "lastEventId",
            ${ISO_TIME('min(e.created_at)')} as oldest, ${ISO_TIME('max(e.created_at)')} as newest
     from outbox.events e where ${range} and ${fits}`,
    values,
  );
  return rows[0] ?? { count: 0, lastEventId: '0', oldest: null, newest: null };
}

async function storePlan(db: Db, planId: string, pinned: PinnedSelection, count: number): Promise<string> {
  const rows = await query<{ expiresAt: string }>(
    db,
    `with old as (
       delete from outbox.replay_plans where tenant_id = $1 and expires_at < clock_timestamp() - interval '1 day')
     insert into outbox.replay_plans
       (tenant_id, plan_id, destination, shard, selection, cut, last_event_id, total, expires_at)
     values ($1, $4, $2, $3, $5::jsonb, $6::timestamptz, $7, $8, clock_timestamp() + ${PLAN_MINUTES} * interval '1 minute')
     returning ${ISO_TIME('expires_at')} as "expiresAt"`,
    [...refValues(pinned.ref), planId, JSON.stringify(pinned.selection), pinned.cut, pinned.lastEventId, count],
  );
  return rows[0]?.expiresAt ?? '';
}

/** A stored plan, or null; `expired` ones are kept for a day so that they can be told from unknown ones. */
export async function readPlan(
  db: Db,
  tenant: string,
  planId: string,
): Promise<(PinnedSelection & { readonly total: number; readonly expired: boolean }) | null> {
  const rows = await query<{
    destination: string;
    shard: number;
    selection: ReplaySelection;
    cut: string;
    lastEventId: string;
    total: number;
    expired: boolean;
  }>(
    db,
    `select destination, shard::int, selection, cut::text, last_event_id::text as "lastEventId", total::float8,
            expires_at < clock_timestamp() as expired
     from outbox.replay_plans where tenant_id = $1 and plan_id::text = $2`,
    [tenant, planId],
  );
  const row = rows[0];
  if (row === undefined) return null;
  const { destination, shard, ...rest } = row;
  return { ref: { tenant, destination, shard }, ...rest };
}

/** Whose plan this is; null if nobody's. Plans are few and live for a day, so that no index has to find them by id alone. */
export async function tenantOfPlan(db: Db, planId: string): Promise<string | null> {
  const rows = await query<{ tenant: string }>(
    db,
    'select tenant_id as tenant from outbox.replay_plans where plan_id = $1::uuid',
    [planId],
  );
  return rows[0]?.tenant ?? null;
}
