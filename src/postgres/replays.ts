import type { PublisherRef } from '../domain/publisher';
import type { ReplaySelection, ReplayState, ReplayStatus } from '../domain/replay';
import type { Db } from './query';
import { query } from './query';
import { refValues } from './publishers';
import type { PinnedSelection } from './replay-selection';
import { ISO_TIME } from './replay-selection';

/** Copies in the lane: each is published, failed or cancelled in the end. */
export const IN_LANE = '(s.fed - s.published - s.failed - s.cancelled)';
const COLUMNS = `s.tenant_id as tenant, s.destination, s.shard::int, s.replay_id as "replayId", s.state, s.total::float8,
  s.published::float8, s.failed::float8, s.cancelled::float8, s.retried::float8, ${IN_LANE}::float8 as pending,
  case when s.state in ('running', 'paused') then greatest(0, s.total - s.published - s.failed - s.retried) else 0 end::float8 as remaining,
  s.rate_per_second as "ratePerSecond", s.started_by as by, s.why, s.changed,
  ${ISO_TIME('s.started_at')} as "startedAt", ${ISO_TIME('s.ended_at')} as "endedAt"`;

/** What is fed into the lane from, beside what operators see. */
export interface ReplayRow extends ReplayStatus, Omit<PinnedSelection, 'ref'> {
  readonly fedUpTo: string;
  readonly tokens: number;
  /** ms since epoch, as `now`. */
  readonly tokensAt: number;
  readonly now: number;
}

/** A replay, or null. */
export async function replayStatus(db: Db, tenant: string, replayId: string): Promise<ReplayStatus | null> {
  const rows = await query<ReplayStatus & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.replays s where s.tenant_id = $1 and s.replay_id = $2`,
    [tenant, replayId],
  );
  return rows[0] ?? null;
}

/** The newest first; `after` is the last row of the page before. */
export async function listReplays(
  db: Db,
  options: {
    readonly tenant?: string;
    readonly limit?: number;
    readonly after?: { readonly tenant: string; readonly replayId: string };
  } = {},
): Promise<ReplayStatus[]> {
  const { tenant, limit, after } = options;
  return query<ReplayStatus & Record<string, unknown>>(
    db,
    `select ${COLUMNS} from outbox.replays s
     where ($1::text is null or s.tenant_id = $1) and ($2::text is null or (s.started_at, s.tenant_id, s.replay_id) < (
       select l.started_at, l.tenant_id, l.replay_id from outbox.replays l where l.tenant_id = $2 and l.replay_id = $3))
     order by s.started_at desc, s.tenant_id desc, s.replay_id desc limit $4`,
    [tenant ?? null, after?.tenant ?? null, after?.replayId ?? null, limit ?? 100],
  );
}

/** Stores a replay as running; the sweep starts its workflow. False if the tenant has one of this id: it stays as it is. */
export async function insertReplay(
  db: Db,
  replay: PinnedSelection & {
    readonly replayId: string;
    readonly total: number;
    readonly ratePerSecond: number | null;
    readonly by: string;
    readonly why: string;
  },
): Promise<boolean> {
  const rows = await query(
    db,
    `insert into outbox.replays
       (tenant_id, destination, shard, replay_id, selection, cut, last_event_id, total, rate_per_second, started_by, why)
     values ($1, $2, $3, $4, $5::jsonb, $6::timestamptz, $7, $8, $9, $10, $11) on conflict do nothing returning 1`,
    [
      ...refValues(replay.ref),
      replay.replayId,
      JSON.stringify(replay.selection),
      replay.cut,
      replay.lastEventId,
      replay.total,
      replay.ratePerSecond,
      replay.by,
      replay.why,
    ],
  );
  return rows.length > 0;
}

/** The whole row. */
export async function readReplay(db: Db, tenant: string, replayId: string): Promise<ReplayRow | null> {
  const rows = await query<ReplayRow & { selection: ReplaySelection } & Record<string, unknown>>(
    db,
    `select ${COLUMNS}, s.selection, s.cut::text, s.last_event_id::text as "lastEventId", s.fed_up_to::text as "fedUpTo",
            s.tokens, (extract(epoch from s.tokens_at) * 1000)::float8 as "tokensAt",
            (extract(epoch from clock_timestamp()) * 1000)::float8 as now
     from outbox.replays s where s.tenant_id = $1 and s.replay_id = $2`,
    [tenant, replayId],
  );
  return rows[0] ?? null;
}

/**
 * One feeder or state change of a publisher's replays at a time, until the transaction ends. Not the lock of a row: settling
 * counts in the replay's row, and a drain must not wait while 5,000 copies are made.
 */
export async function lockReplays(db: Db, ref: PublisherRef): Promise<void> {
  await query(
    db,
    `select pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'outbox replays', $1::text, $2::text, $3::int), 0))`,
    refValues(ref),
  );
}

/** Notes a new state and asks the sweep to wake the workflow. */
export async function writeReplayState(
  db: Db,
  row: { readonly tenant: string; readonly replayId: string },
  change: { readonly state: ReplayState; readonly by: string; readonly why: string },
): Promise<void> {
  await query(
    db,
    `update outbox.replays s set state = $3, changed = $4::jsonb || jsonb_build_object('at', ${ISO_TIME('clock_timestamp()')}),
       visit_at = clock_timestamp()
     where s.tenant_id = $1 and s.replay_id = $2`,
    [row.tenant, row.replayId, change.state, JSON.stringify(change)],
  );
}
