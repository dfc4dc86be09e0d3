import { setTimeout as delay } from 'node:timers/promises';
import { publisherId } from '../domain/publisher';
import { errorMessage, isOutboxError } from '../domain/errors';
import { look } from '../postgres/relay/look';
import type { RunState } from './run-state';

/** Between looks, ms: while events come, and otherwise. Half of it is the mean wait that it adds to an event. */
const ACTIVE_MS = 2;
const QUIET_MS = 5;
/** Events that came so lately (ms) say that more are coming. */
const ACTIVE_FOR_MS = 50;
/** After a look that failed, ms: Postgres is away, and every relay asks. */
const FAILED_MS = 200;

/** Looks for new events of the attached publishers until the run is over. Rejects when the relay is lost. */
export async function lookOn(state: RunState): Promise<void> {
  let active = 0;
  while (!state.over) {
    const now = Date.now();
    if (state.set.size === 0) {
      state.horizon = null;
      await delay(QUIET_MS);
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
    await delay(now - active < ACTIVE_FOR_MS ? ACTIVE_MS : QUIET_MS);
  }
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
