import type { Pool } from 'pg';
import type { ReplayStatus } from '../domain/replay';
import { feedable, replayBurst } from '../domain/replay';
import { UNLIMITED_QUOTA, refill, spend, waitForTokens } from '../domain/quota';
import type { QuotaState } from '../domain/quota';
import { withTransaction } from './pool';
import { refValues } from './publishers';
import type { Db } from './query';
import { query } from './query';
import { selectionSql } from './replay-selection';
import { failOrphans, withdrawCopies } from './replay-withdraw';
import type { ReplayRow } from './replays';
import { IN_LANE, lockReplays, readReplay, replayStatus } from './replays';

/** Events looked at in one visit: a filter that fits few of five million must not run into the statement time-out. */
const SCAN = 50_000;
/** Visits in a row that moved nothing before copies without an event are looked for: 40 ms for a full lane. */
const ORPHANS_AFTER = 4;
/** A workflow that does not come back within this is lost, and the sweep starts it again. */
const VISIT_SECONDS = 60;

export interface Fed {
  /** null: there is no such replay (any more). */
  readonly replay: ReplayStatus | null;
  /** Copies made and failed events put back. */
  readonly made: number;
  /** Something is in a lane that was empty: its publisher may sleep. */
  readonly wake: boolean;
  /** True if the next visit would find more to do at once. */
  readonly more: boolean;
  /** ms until its rate allows more; 0 without a rate. */
  readonly waitMs: number;
}

/**
 * One visit of a replay's workflow: makes the next copies, as many as rate and lane allow, or takes back what a paused or
 * cancelled replay has left in the lane. `idle` says how many visits before moved nothing. All that it knows is in Postgres, so it may run twice, or again after a reset.
 */
export async function feedReplay(pool: Pool, tenant: string, replayId: string, idle = 0): Promise<Fed> {
  return withTransaction(pool, async (client) => {
    const known = await readReplay(client, tenant, replayId);
    if (known === null) return { replay: null, made: 0, wake: false, more: false, waitMs: 0 };
    await lockReplays(client, known);
    const row = (await readReplay(client, tenant, replayId)) ?? known;
    if (row.state !== 'running') {
      // Copies of a batch that was under way at the change and failed are pending again.
      if (row.pending > 0 && row.state !== 'done') await withdrawCopies(client, row);
      return { ...(await endVisit(client, row)), made: 0, wake: false, more: false, waitMs: 0 };
    }
    if (row.pending > 0 && idle >= ORPHANS_AFTER) await failOrphans(client, row);
    return feedRunning(client, row, idle);
  });
}

async function feedRunning(db: Db, row: ReplayRow, idle: number): Promise<Fed> {
  const { ratePerSecond } = row;
  const quota =
    ratePerSecond === null ? null : { ...UNLIMITED_QUOTA, ratePerSecond, burst: replayBurst(ratePerSecond) };
  let bucket: QuotaState = { tokens: row.tokens, byteTokens: 0, at: row.tokensAt };
  if (quota !== null) bucket = refill(bucket, quota, row.now);
  const most = feedable(row.pending, ratePerSecond, bucket.tokens);
  const fed = await makeCopies(db, row, most);
  const made = fed.copied + fed.retried;
  if (quota !== null) bucket = spend(bucket, quota, made, 0);
  await query(
    db,
    `update outbox.replays s
     set fed = s.fed + $3, retried = s.retried + $4, fed_up_to = $5, tokens = $6, tokens_at = to_timestamp($7::float8 / 1000)
     where s.tenant_id = $1 and s.replay_id = $2`,
    [row.tenant, row.replayId, fed.copied, fed.retried, fed.upTo, bucket.tokens, bucket.at],
  );
  const atEnd = BigInt(fed.upTo) >= BigInt(row.lastEventId);
  const waitMs = quota === null ? 0 : (waitForTokens(bucket, quota, quota.burst) ?? 0);
  return {
    ...(await endVisit(db, row)),
    made,
    // Copies may be back since the replay was resumed.
    wake: (made > 0 && (row.pending === 0 || fed.retried > 0)) || (made === 0 && row.pending > 0 && idle === 0),
    // Stopped by the size of a step, not by the end, the lane or the rate.
    more:
      !atEnd &&
      (fed.skimmed || (most > 0 && made === most)) &&
      feedable(row.pending + fed.copied, ratePerSecond, bucket.tokens) > 0,
    waitMs: atEnd ? 0 : waitMs,
  };
}

/** Copies for the next events of the selection, in the order of their ids; failed ones go back to pending instead. */
async function makeCopies(
  db: Db,
  row: ReplayRow,
  most: number,
): Promise<{ copied: number; retried: number; upTo: string; skimmed: boolean }> {
  if (most === 0 || BigInt(row.fedUpTo) >= BigInt(row.lastEventId)) {
    return { copied: 0, retried: 0, upTo: row.fedUpTo, skimmed: false };
  }
  const { range, fits, values } = selectionSql({ ...row, ref: row });
  const [id, from, limit] = [1, 2, 3].map((n) => `$${values.length + n}`);
  const rows = await query<{ copied: number; retry: string[]; upTo: string; skimmed: boolean }>(
    db,
    `with scanned as materialized (
       select e.event_id, e.status, (${fits}) as hit from outbox.events e where ${range} and e.event_id > ${from}::bigint
       order by e.event_id limit ${SCAN}
     ), hits as materialized (
       select event_id, status from scanned where hit order by event_id limit ${limit}::int
     ), made as (
       insert into outbox.replay_events (tenant_id, destination, shard, replay_id, event_id, replay_count, status)
       select $1, $2, $3, ${id}::text, h.event_id,
              1 + (select count(*) from outbox.replay_events o where o.tenant_id = $1 and o.event_id = h.event_id
                     and o.status in ('pending', 'paused', 'published')),
              case h.status when 'failed' then 'retried' else 'pending' end
       from hits h order by h.event_id
       on conflict do nothing
       returning event_id, status
     ), seen as (select count(*) as events, max(event_id) as last from scanned)
     select (select count(*) from made where status = 'pending')::int as copied,
            array(select event_id from made where status = 'retried') as retry,
            case when (select count(*) from hits) >= ${limit}::int then (select max(event_id) from hits)
                 when seen.events = ${SCAN} then seen.last else $5::bigint end::text as "upTo",
            seen.events = ${SCAN} as skimmed
     from seen`,
    [...values, row.replayId, row.fedUpTo, most],
  );
  const fed = rows[0];
  if (fed === undefined) return { copied: 0, retried: 0, upTo: row.fedUpTo, skimmed: false };
  if (fed.retry.length > 0) await retryFailed(db, row, fed.retry);
  return { copied: fed.copied, retried: fed.retry.length, upTo: fed.upTo, skimmed: fed.skimmed };
}

/** Failed events have never been published: they go back to pending in their own lane, as when an operator retries them. */
async function retryFailed(db: Db, row: ReplayRow, eventIds: readonly string[]): Promise<void> {
  await query(
    db,
    // A held publisher counts as sleeping from here on, so that the sweep heals a lost wake.
    `update outbox.publishers
     set revision = revision + 1, state = case when state = 'held' then 'sleeping' else state end, updated_at = clock_timestamp()
     where tenant_id = $1 and destination = $2 and shard = $3`,
    refValues(row),
  );
  await query(
    db,
    `update outbox.events e set status = 'pending', xid = pg_current_xact_id(), failed_at = null, error_code = null, error_reason = null
     where e.tenant_id = $1 and e.event_id = any ($2::bigint[]) and e.status = 'failed'`,
    [row.tenant, eventIds],
  );
}

/** Ends the replay if nothing is left of it, and says until when its workflow is not lost. */
async function endVisit(db: Db, row: ReplayRow): Promise<{ replay: ReplayStatus | null }> {
  const empty = `${IN_LANE} = 0`;
  const done = `(s.state = 'running' and s.fed_up_to >= s.last_event_id and ${empty})`;
  const over = `(${done} or s.state = 'done' or (s.state = 'cancelled' and ${empty}))`;
  await query(
    db,
    `update outbox.replays s
     set state = case when ${done} then 'done' else s.state end,
         ended_at = case when ${over} then coalesce(s.ended_at, clock_timestamp()) end,
         visit_at = case when ${over} or (s.state = 'paused' and ${empty}) then null
                         else clock_timestamp() + ${VISIT_SECONDS} * interval '1 second' end
     where s.tenant_id = $1 and s.replay_id = $2`,
    [row.tenant, row.replayId],
  );
  return { replay: await replayStatus(db, row.tenant, row.replayId) };
}
