import type { DrainEnd, DrainFailure, DrainOutcome } from '../../domain/drain';
import { ERROR_CODES, errorMessage, isOutboxError } from '../../domain/errors';
import { readGlobalPause } from '../../postgres/global-pause';
import { grantTotals } from '../../postgres/batches';
import { checkFence, keepRunning, readPublisher } from '../../postgres/publishers';
import type { DrainCall, DrainDeps } from './context';
import { blockedFailure, blockedTopicOf, endOf, failureOf, refusalOf } from './failures';
import { firstOf } from './followed-signal';
import { DrainTurns } from './drain-turns';
import type { Hold } from './hold';
import { DrainProgress } from './progress';
import { PublishLoop } from './publish-loop';
import { reckoned } from './reckoning';
import type { Refusal } from './resend';
import { prepareResend, withdrawBatch } from './resend';
import type { TakeOver } from './take-over';
import { takeOverPublisher } from './take-over';

/** Doubts one drain resolves by itself before it reports: enough to bisect 6,000 events down to the one too large. */
const MAX_DOUBTS = 20;

/**
 * One drain: takes the publisher over unless its session is known to be clean, publishes, and turns whatever happens
 * into an outcome. Never rejects: what is thrown here would be retried by Temporal without the workflow's breaker.
 */
export async function runDrain(deps: DrainDeps, call: DrainCall, firstAttempt: boolean): Promise<DrainOutcome> {
  const { request } = call;
  const hold = deps.sessions.checkout(request.publisher, request.plainKey ?? []);
  const { turn, leave } = deps.linger.enter(request.cautious);
  const stop = firstOf(deps.stopping, call.cancelled);
  const turns = new DrainTurns(deps.linger, request, turn, stop.signal);
  const progress = new DrainProgress(deps, request, stop.signal, turns);
  let ended: { end: DrainEnd; failure: DrainFailure | null };
  try {
    const called = await turns.first();
    if (!firstAttempt)
      progress.account.recordedBefore(await grantTotals(deps.pool, request.publisher, request.grantId));
    // Taking over now could fence the drain that follows this one: it was told to stop, or waited for so long that it will be.
    ended =
      called === 'go'
        ? await settleAndPublish(deps, hold, call, progress, firstAttempt)
        : { end: called, failure: null };
  } catch (error) {
    hold.clean = null;
    progress.unsure = true;
    ended = { end: endOf(error), failure: failureOf(error) };
  } finally {
    leave();
    stop.release();
    await deps.sessions.giveBack(hold);
  }
  const { failure, end } = ended;
  if (failure !== null && end !== 'halted') deps.observer.failed(hold.ref, failure.code, failure.message, {});
  const outcome: DrainOutcome = {
    ...(await reckoned(deps.pool, request, progress, { firstAttempt, end })),
    parked: progress.parked,
    batches: progress.batches,
    end,
    failure,
    blockedTopics: [...progress.blocked.keys()],
    worker: deps.worker,
  };
  deps.observer.ended(request, outcome);
  return outcome;
}

async function settleAndPublish(
  deps: DrainDeps,
  hold: Hold,
  call: DrainCall,
  progress: DrainProgress,
  firstAttempt: boolean,
): Promise<{ end: DrainEnd; failure: DrainFailure | null }> {
  const loop = new PublishLoop(deps, hold, progress);
  const clean = await stillClean(deps, hold);
  // Given up during a freeze, and thawed after its successor ended: taking over now, it would use a grant a second time, or send
  // while the breaker is open.
  if (clean === null) await deps.thawed(progress.stop);
  if (progress.stop.aborted) return { end: 'stopping', failure: null };
  let state: TakeOver = clean ?? (await takeOverPublisher(deps, hold, null));
  // What a live zombie of an earlier attempt recorded until it was fenced is paid by this grant, too. A first attempt that an open poll
  // of a frozen worker had taken may come after the second.
  if (!firstAttempt || clean === null)
    progress.account.recordedBefore(await grantTotals(deps.pool, hold.ref, call.request.grantId));
  // Only now: a slow take-over in a crowded worker must not use up the time in which to publish.
  progress.begin();
  let refusal: Refusal | null = null;
  for (let doubts = 0; ; doubts += 1) {
    if (state.kind === 'halted') {
      return { end: 'halted', failure: { code: 'LEDGER_MISMATCH', message: state.explanation, breaker: false } };
    }
    progress.published += state.published;
    try {
      if (state.kind === 'resend') {
        const looksOnly = call.request.events === 0;
        const allPaused = !looksOnly && (await readGlobalPause(deps.pool)) !== null;
        if (looksOnly || allPaused) {
          // Also while only tokens are missing: left as it is, a pause that comes before them would find it recorded and never be complete.
          // With a quota slower than the back-off, a batch that failed is thereby claimed as large as before, in place of halved.
          await withdrawBatch(deps, hold, progress, state.batch);
          return { end: allPaused ? await loop.sleepPaused() : 'granted', failure: null };
        }
        const batch = await prepareResend(deps, hold, call.request, progress, state.batch, refusal);
        if (batch !== null) {
          await loop.publish(batch);
          progress.batches += 1;
        }
      }
      const end = cutOff(await loop.run(), progress) ?? 'failed';
      return { end, failure: end === 'failed' ? blockedFailure(progress) : null };
    } catch (error) {
      await loop.quiesce();
      hold.clean = null;
      if (isOutboxError(error) && error.code === 'FENCED') return { end: 'fenced', failure: null };
      progress.unsure = true;
      const failure = failureOf(error);
      if (failure.code === 'LEDGER_MISMATCH') {
        await checkFence(deps.pool, hold.ref, state.fence);
        return { end: 'halted', failure };
      }
      // One doubt = one new epoch, at once, also when giving up: until then readers of a shared topic would wait for
      // the abandoned transaction (transaction time-out + 10 s, 15 s measured).
      refusal = refusalOf(error);
      const topic = blockedTopicOf(error);
      state = await takeOverOrGiveUp(deps, hold, state.fence, error, refusal !== null || topic !== null);
      // Not blocked yet: in a batch of copies alone it costs those, and no event waits for it.
      if (topic !== null) progress.refused.set(topic.topic, topic);
      const lost: boolean = state.kind === 'clean' && ERROR_CODES[failure.code].retryable;
      const again: boolean = refusal !== null || topic !== null || lost || failure.code === 'LEDGER_STALE';
      if (state.kind === 'halted') continue;
      if (!again || doubts >= MAX_DOUBTS || progress.stop.aborted) {
        progress.published += state.published;
        return { end: 'failed', failure };
      }
      deps.observer.note(hold.ref, 'doubt resolved by a new epoch', { code: failure.code, found: state.kind });
    }
  }
}

/** If even the take-over fails, the first error is the one that explains what happened. */
async function takeOverOrGiveUp(
  deps: DrainDeps,
  hold: Hold,
  fence: string,
  first: unknown,
  isRefused: boolean,
): Promise<TakeOver> {
  try {
    return await takeOverPublisher(deps, hold, fence, isRefused);
  } catch (second) {
    if (isOutboxError(second) && second.code === 'FENCED') throw second;
    deps.observer.note(hold.ref, 'no new epoch after a doubt', { error: errorMessage(second) });
    throw first;
  }
}

/** D0–D2 are skipped only if every step ended cleanly and the row still names this producer, with nothing unsettled. */
async function stillClean(deps: DrainDeps, hold: Hold): Promise<TakeOver | null> {
  const clean = hold.clean;
  if (clean === null || clean.recorded !== clean.settled) return null;
  if (!(await keepRunning(deps.pool, hold.ref, clean.fence))) return null;
  const row = await readPublisher(deps.pool, hold.ref);
  const same =
    row !== null && row.fence === clean.fence && row.recorded === clean.recorded && row.settled === clean.settled;
  return same ? { kind: 'clean', fence: clean.fence, published: 0 } : null;
}

/**
 * Null for a grant that was used up by events which were cut off again, because their topics refused them: it has reached nothing.
 * As `granted`, the probe of a breaker would close it until the next drain.
 */
function cutOff(end: DrainEnd, { blocked, published, parked }: DrainProgress): DrainEnd | null {
  return end === 'granted' && blocked.size > 0 && published === 0 && parked === 0 ? null : end;
}
