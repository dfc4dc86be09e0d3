import { setTimeout as delay } from 'node:timers/promises';
import { publisherId } from '../domain/publisher';
import { errorMessage, isOutboxError } from '../domain/errors';
import { look } from '../postgres/relay/look';
import type { RunState } from './run-state';

/**
 * Between looks, by the time since the last event, all in ms. Half of it is the mean wait that it adds to an event. A look costs half a
 * millisecond of a core: ten thousand attached publishers of which none says anything are to cost a few hundredths of one.
 */
const PACES: readonly (readonly [sinceEvent: number, every: number])[] = [
  [50, 2],
  [2_000, 5],
  [Infinity, 20],
];
/** After a look that failed, ms: Postgres is away, and every relay asks. */
const FAILED_MS = 200;

/** Looks for new events of the attached publishers until the run is over. Rejects when the relay is lost. */
export async function lookOn(state: RunState): Promise<void> {
  let active = 0;
  while (!state.over) {
    const now = Date.now();
    if (state.set.size === 0) {
      state.horizon = null;
      await delay(everyMs(Infinity));
      continue;
    }
    try {
      if (await lookOnce(state)) active = now;
    } catch (error) {
      if (isOutboxError(error) && error.code === 'FENCED') throw error;
      // It has changed nothing and is asked again from the same horizon: nothing is missed.
      state.deps.observer.note('a look failed', { relay: state.held.relay, error: errorMessage(error) });
      await delay(FAILED_MS);
    }
    state.set.refill(Date.now());
    if (state.set.anyReady) state.work.set();
    await delay(everyMs(now - active));
  }
}

function everyMs(sinceEvent: number): number {
  return PACES.find(([most]) => sinceEvent <= most)?.[1] as number;
}

/** One look; true if it found events. */
export async function lookOnce(state: RunState): Promise<boolean> {
  const { deps, held, set, inFlight, horizon } = state;
  const read = inFlight.begin();
  try {
    const seen = await look(deps.db, held, horizon);
    // Another look was quicker. What this one answers from an older moment is not what the next one may go on from.
    if (state.horizon !== horizon) return false;
    const first = horizon === null;
    state.horizon = seen.horizon;
    const now = Date.now();
    // The first look finds nothing: whoever entered the set before it has been scanned from an older moment.
    if (first && set.size > 0) set.rescanAll(now);
    else set.found(seen.found, inFlight, now);
    for (const ref of seen.asked) {
      const attachment = set.get(publisherId(ref));
      if (attachment === undefined) continue;
      set.end(attachment, 'paused');
      state.leaving.set();
    }
    for (const ref of seen.released) {
      const attachment = set.get(publisherId(ref));
      if (attachment === undefined) continue;
      attachment.askReview();
      state.tending.set();
    }
    return seen.found.length > 0;
  } finally {
    inFlight.end(read);
  }
}
