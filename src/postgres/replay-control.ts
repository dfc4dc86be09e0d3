import type { Pool } from 'pg';
import { OutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { ReplayState, ReplayStatus } from '../domain/replay';
import type { ReplayCommand } from '../domain/replay-commands';
import { selectionOf } from '../domain/replay-commands';
import { withTransaction } from './pool';
import type { Db } from './query';
import { countSelection, planReplay, readPlan } from './replay-plans';
import { returnCopies, withdrawCopies } from './replay-withdraw';
import { insertReplay, lockReplays, readReplay, replayStatus, writeReplayState } from './replays';

export type StartAnswer =
  | { readonly kind: 'started' | 'exists'; readonly replay: ReplayStatus }
  | { readonly kind: 'refused'; readonly code: 'plan_unknown' | 'plan_expired' }
  | { readonly kind: 'refused'; readonly code: 'count_differs'; readonly planned: number; readonly found: number };

/** Runs in the transaction of the start, before its commit: for the row that says who did it. */
export type AlongsideStart = (db: Db, started: ReplayStatus) => Promise<void>;

/**
 * Starts a replay of a plan. Refuses when the count is not the expected one, or no longer: then something changed, and whoever
 * agreed to the plan agreed to something else. The same id again answers `exists` and changes nothing.
 */
export async function startReplay(
  pool: Pool,
  start: {
    readonly tenant: string;
    readonly replayId: string;
    readonly planId: string;
    readonly expectedCount: number;
    readonly ratePerSecond?: number | null;
    readonly by: string;
    readonly why: string;
  },
  alongside?: AlongsideStart,
): Promise<StartAnswer> {
  const { tenant, replayId, planId, expectedCount, by, why } = start;
  const existing = await replayStatus(pool, tenant, replayId);
  if (existing !== null) return { kind: 'exists', replay: existing };
  const plan = await readPlan(pool, tenant, planId);
  if (plan === null) return { kind: 'refused', code: 'plan_unknown' };
  if (plan.expired) return { kind: 'refused', code: 'plan_expired' };
  const found = plan.total === expectedCount ? (await countSelection(pool, plan)).count : plan.total;
  if (found !== expectedCount) return { kind: 'refused', code: 'count_differs', planned: plan.total, found };
  const ratePerSecond = start.ratePerSecond ?? null;
  return insert(pool, { ...plan, replayId, ratePerSecond, by, why }, alongside);
}

/** Starts the replay of a publisher's command, without a plan before it. Idempotent by the command's id. `statementMs`: see `planReplay`. */
export async function requestReplay(
  pool: Pool,
  ref: PublisherRef,
  command: ReplayCommand,
  options: { readonly statementMs?: number; readonly alongside?: AlongsideStart } = {},
): Promise<Extract<StartAnswer, { replay: ReplayStatus }>> {
  const { replayId, by, why } = command;
  const existing = await replayStatus(pool, ref.tenant, replayId);
  if (existing !== null) return { kind: 'exists', replay: existing };
  const selection = selectionOf(command);
  const { count, snapshot } = await planReplay(pool, ref, selection, options.statementMs);
  const ratePerSecond = command.ratePerSecond ?? null;
  const replay = { ref, selection, ...snapshot, total: count, replayId, by, why, ratePerSecond };
  return insert(pool, replay, options.alongside);
}

export type ReplayChange =
  | { readonly kind: 'changed' | 'unchanged'; readonly replay: ReplayStatus }
  /** `ended`: it is done or cancelled, for good. */
  | { readonly kind: 'refused'; readonly code: 'unknown' | 'ended' };

/**
 * Pauses, resumes or cancels. Takes effect here, not when the workflow hears of it: copies that no relay has prepared yet are out
 * of the lane when this returns, and the batch that is under way finishes.
 */
export async function setReplayState(
  pool: Pool,
  change: {
    readonly tenant: string;
    readonly replayId: string;
    readonly state: Exclude<ReplayState, 'done'>;
    readonly by: string;
    readonly why: string;
  },
  /** Runs in the transaction of the change, before its commit. */
  alongside?: (db: Db, before: ReplayStatus, after: ReplayStatus) => Promise<void>,
): Promise<ReplayChange> {
  const { tenant, replayId, state, by, why } = change;
  return withTransaction(pool, async (client) => {
    const known = await readReplay(client, tenant, replayId);
    if (known === null) return { kind: 'refused', code: 'unknown' };
    await lockReplays(client, known);
    const row = (await readReplay(client, tenant, replayId)) ?? known;
    if (row.state === state) return { kind: 'unchanged', replay: row };
    if (row.state === 'done' || row.state === 'cancelled') return { kind: 'refused', code: 'ended' };
    // The publisher's row before the replay's, as settling and parking lock them: the other way round the two deadlock.
    await (state === 'running' ? returnCopies(client, row) : withdrawCopies(client, { ...row, state }));
    await writeReplayState(client, row, { state, by, why });
    const replay = (await replayStatus(client, tenant, replayId)) ?? row;
    await alongside?.(client, row, replay);
    return { kind: 'changed', replay };
  });
}

async function insert(
  pool: Pool,
  wanted: Parameters<typeof insertReplay>[1],
  alongside: AlongsideStart = () => Promise.resolve(),
): Promise<Extract<StartAnswer, { replay: ReplayStatus }>> {
  return withTransaction(pool, async (client) => {
    const made = await insertReplay(client, wanted);
    const replay = await replayStatus(client, wanted.ref.tenant, wanted.replayId);
    if (replay === null)
      throw new OutboxError('INTERNAL', `replay ${wanted.replayId} vanished while it was started; report this`);
    if (made) await alongside(client, replay);
    return { kind: made ? 'started' : 'exists', replay };
  });
}
