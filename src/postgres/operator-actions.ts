import type { Pool } from 'pg';
import type { PublisherRef } from '../domain/publisher';
import { MAX_ACTION_EVENTS } from '../domain/event-actions';
import type { RefusedEvent } from '../domain/event-actions';
import { ASIDE_LANE, BLOCKED_LANE } from './hold-key';
import { withTransaction } from './pool';
import type { Db } from './query';
import { query } from './query';
import { ATTACHED, UNRECOVERED } from './relay/quiet';

export interface OperatorResult {
  /** Ids of the events that were changed, ascending. */
  readonly changed: readonly string[];
  /** What each of them was. */
  readonly before: readonly { readonly eventId: string; readonly status: string; readonly errorCode: string | null }[];
  readonly refused: readonly RefusedEvent[];
  /** Wake these after the commit: they may have something to do now. */
  readonly wake: readonly PublisherRef[];
}

/** Runs last in the transaction of the change: for the row that says who did it. */
export type Alongside = (db: Db, result: OperatorResult) => Promise<void>;

/** Parked events get another chance: pending again in their own lane, the count of refusals kept. */
export async function retryEvents(
  pool: Pool,
  tenant: string,
  ids: readonly string[],
  alongside?: Alongside,
): Promise<OperatorResult> {
  return change(pool, tenant, ids, RETRY, [], alongside);
}

/**
 * Gives events up that are parked or still pending. They stay, with the reason why; what they were parked for is kept with it.
 */
export async function skipEvents(
  pool: Pool,
  tenant: string,
  ids: readonly string[],
  why: string,
  alongside?: Alongside,
): Promise<OperatorResult> {
  return change(pool, tenant, ids, SKIP, [why.slice(0, 500)], alongside);
}

/** Retries or skips all parked events of a key, earliest first, so that what waits behind them flows in order. */
export async function releaseKey(
  pool: Pool,
  tenant: string,
  key: string,
  action: { readonly action: 'retry' } | { readonly action: 'skip'; readonly why: string },
  alongside?: Alongside,
): Promise<OperatorResult> {
  const rows = await query<{ id: string }>(
    pool,
    `select e.event_id::text as id from outbox.publishers p join outbox.events e
       on e.tenant_id = p.tenant_id and e.destination = p.destination and e.shard = p.shard
     where p.tenant_id = $1 and e.status = 'failed' and e.lane = 0 and e.ordering_key = $2
     order by e.event_id limit ${MAX_ACTION_EVENTS}`,
    [tenant, key],
  );
  const ids = rows.map((row) => row.id);
  return action.action === 'retry'
    ? retryEvents(pool, tenant, ids, alongside)
    : skipEvents(pool, tenant, ids, action.why, alongside);
}

interface Action {
  /** What becomes of a row (alias `e`); parameters from $3 on. */
  readonly set: string;
  /** SQL that answers a code for a row that may not be changed, else null. */
  readonly refusal: string;
}

const RETRY: Action = {
  set: `status = 'pending', error_code = null, error_reason = null, failed_at = null`,
  // One that waits for its topic: the topic is looked at, at once.
  refusal: `case when e.status <> 'failed' and not (e.status = 'pending' and e.lane = ${BLOCKED_LANE}) then 'not_failed' end`,
};
const SKIP: Action = {
  set: `status = 'skipped', skipped_at = clock_timestamp(), lane = case when e.lane in (${ASIDE_LANE}, ${BLOCKED_LANE}) then 0 else e.lane end,
        error_code = coalesce(e.error_code, 'SKIPPED'),
        error_reason = concat_ws(' ', 'Skipped by an operator: ' || $3::text || '.', 'Before: ' || e.error_reason)`,
  refusal: `case e.status when 'published' then 'already_published' when 'skipped' then 'already_skipped' end`,
};

interface AskedRow extends Record<string, unknown> {
  readonly id: string;
  readonly code: RefusedEvent['code'] | null;
  readonly destination: string;
  readonly shard: number;
  /** As they were: a statement does not see its own changes. */
  readonly status: string;
  readonly errorCode: string | null;
}

/**
 * One transaction. It locks the rows of the publishers concerned: from here on none is attached, and the next statement sees what was. It
 * raises the revision, so that a relay judges anew what it set aside; a held publisher counts as sleeping from here on, so that the sweep heals a lost wake, and at once.
 */
async function change(
  pool: Pool,
  tenant: string,
  ids: readonly string[],
  action: Action,
  values: readonly unknown[],
  alongside: Alongside = () => Promise.resolve(),
): Promise<OperatorResult> {
  const asked = [...new Set(ids.filter(isId))].slice(0, MAX_ACTION_EVENTS);
  return withTransaction(pool, async (client) => {
    // There is a row to lock even of a publisher that was never attached.
    await query(
      client,
      `insert into outbox.publishers (tenant_id, destination, shard)
       select distinct tenant_id, destination, shard from outbox.events where tenant_id = $1 and event_id = any ($2::bigint[])
       on conflict do nothing`,
      [tenant, asked],
    );
    await query(
      client,
      `select 1 from outbox.publishers p
       where p.tenant_id = $1 and (p.destination, p.shard) in (
         select e.destination, e.shard from outbox.events e where e.tenant_id = $1 and e.event_id = any ($2::bigint[]))
       order by p.destination, p.shard for update`,
      [tenant, asked],
    );
    const rows = await query<AskedRow>(
      client,
      `with asked as (
         select u.id, e.destination, e.shard, e.lane, e.status, e.error_code, case
             when e.event_id is null then 'not_found'
             when e.status = 'pending' and e.lane not in (${ASIDE_LANE}, ${BLOCKED_LANE})
                 and (${ATTACHED('p')} or exists ${UNRECOVERED}) then 'in_flight'
             else ${action.refusal} end as code
         from unnest($2::bigint[]) as u (id) left join outbox.events e on e.tenant_id = $1 and e.event_id = u.id
         left join outbox.publishers p on p.tenant_id = e.tenant_id and p.destination = e.destination and p.shard = e.shard
       ), changed as (
         -- A relay may bring back what is aside, and send it: whatever the row was before.
         update outbox.events e set ${action.set} from asked a
         where e.tenant_id = $1 and e.event_id = a.id and a.code is null and e.status = a.status and e.lane = a.lane
         returning e.event_id
       ), raised as (
         update outbox.publishers p
         set revision = revision + 1, state = case when state = 'held' then 'sleeping' else state end,
             swept_at = null, sweep_backoff_ms = 0, updated_at = clock_timestamp()
         where p.tenant_id = $1 and (p.destination, p.shard) in (
           select a.destination, a.shard from asked a where a.code is null)
       )
       select id::text as id, case when code is null and c.event_id is null then 'in_flight' else code end as code, destination, shard::int,
              status, error_code as "errorCode"
       from asked left join changed c on c.event_id = asked.id order by asked.id`,
      [tenant, asked, ...values],
    );
    const refused = rows.flatMap(({ id, code }) => (code === null ? [] : [{ eventId: id, code }]));
    const unknown = ids.filter((id) => !isId(id)).map((eventId) => ({ eventId, code: 'not_found' as const }));
    const done = rows.filter(({ code }) => code === null);
    const refs = new Map(
      done.map(({ destination, shard }) => [`${destination}/${shard}`, { tenant, destination, shard }]),
    );
    await hope(client, tenant, [...refs.values()]);
    const result = {
      changed: done.map(({ id }) => id),
      before: done.map(({ id, status, errorCode }) => ({ eventId: id, status, errorCode })),
      refused: [...refused, ...unknown],
      wake: [...refs.values()],
    };
    await alongside(client, result);
    return result;
  });
}

/** Relays look at the topics that take nothing. A statement of its own, for what ends the parking of events writes such rows, too. */
async function hope(db: Db, tenant: string, refs: readonly PublisherRef[]): Promise<void> {
  if (refs.length === 0) return;
  await query(
    db,
    `insert into outbox.released (tenant_id, destination, shard, ordering_key)
     select $1, u.destination, u.shard, '' from unnest($2::text[], $3::smallint[]) as u (destination, shard)
     where exists (select from outbox.relays)
     on conflict (tenant_id, destination, shard, ordering_key) do update set stamp = excluded.stamp`,
    [tenant, refs.map(({ destination }) => destination), refs.map(({ shard }) => shard)],
  );
}

/** A decimal id that fits into bigint; anything else names no event. */
function isId(id: string): boolean {
  return /^[0-9]{1,19}$/.test(id) && BigInt(id) <= 9_223_372_036_854_775_807n;
}
