import { OutboxError } from '../../domain/errors';
import { failpoint } from '../../failpoints/failpoint';
import { pendingExists } from '../../postgres/looks';
import { fallAsleep } from '../../postgres/publishers';
import type { DrainDeps } from './context';
import type { Hold } from './hold';
import type { DrainProgress } from './progress';

/**
 * The backlog is empty: linger, then go to sleep. The row says `sleeping` before the last look, so that an event
 * committed in between either is seen by that look or finds a sleeping row and wakes. The same for an operator who releases
 * a key: either the row's revision is no longer that of the last selection, or the operator finds a sleeping row.
 * Resolves with how the drain may end, or null to look again. It does not go to sleep when it is its own time that cut the wait:
 * then the next event would first have to wake its publisher, 0.1 to 0.4 s beside a backlog.
 */
export async function waitForMore(
  deps: DrainDeps,
  hold: Hold,
  progress: DrainProgress,
  revision: number,
): Promise<'empty' | 'keptUp' | null> {
  const { linger, stop } = progress;
  progress.hasCaughtUp();
  if (await progress.turns.leave(() => deps.linger.wait(hold.ref, linger.ms, stop))) return null;
  if (progress.stop.aborted) return null;
  if (hold.clean === null) return null;
  progress.hasCaughtUp();
  // In a crowded worker its slot is for others. Without an event in all its time, the next would wait in vain as well, and so on.
  if (linger.cut && progress.account.hasRecorded && !deps.linger.crowded) return 'keptUp';
  await failpoint('before_sleep');
  const asleep = await goToSleep(deps, hold, hold.clean.fence);
  await failpoint('after_sleep');
  if (asleep.revision !== revision) return null;
  return (await pendingExists(deps.pool, [hold.ref])).length > 0 ? null : 'empty';
}

/** Writes that the drain sleeps, under its fence: `as` it, or as what waits says. Rejects with FENCED. */
export async function goToSleep(
  deps: DrainDeps,
  hold: Hold,
  fence: string,
  as?: 'sleeping',
): Promise<{ readonly revision: number }> {
  const asleep = await fallAsleep(deps.pool, hold.ref, fence, as);
  if (asleep === null) throw new OutboxError('FENCED', 'a newer drain took this publisher over; this one stops');
  if (as === undefined) hold.blocked = new Map();
  return asleep;
}
