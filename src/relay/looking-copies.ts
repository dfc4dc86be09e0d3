import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, isOutboxError } from '../domain/errors';
import { lookForCopies } from '../postgres/relay/look-copies';
import type { Horizon } from '../postgres/relay/look';
import type { RunState } from './run-state';

/** A replay is not in a hurry. */
const EVERY_MS = 100;
const FRESH_AT_ONCE = 1_000;

/** Looks for copies of replays of the attached publishers until the run is over. Rejects when the relay is lost. */
export async function lookForCopiesOn(state: RunState): Promise<void> {
  let horizon: Horizon | null = null;
  while (!state.over) {
    if (state.set.size === 0) horizon = null;
    else
      try {
        horizon = await lookOnce(state, horizon);
      } catch (error) {
        if (isOutboxError(error) && error.code === 'FENCED') throw error;
        state.deps.observer.note('a look for copies failed', {
          relay: state.held.relay,
          error: errorMessage(error),
        });
      }
    await delay(EVERY_MS);
  }
}

/** One that enters the set meanwhile is fresh until a look has begun after it. */
async function lookOnce(state: RunState, horizon: Horizon | null): Promise<Horizon> {
  const { deps, held, set } = state;
  const fresh = set.fresh(FRESH_AT_ONCE);
  const seen = await lookForCopies(
    deps.db,
    held,
    horizon,
    fresh.map(({ ref }) => ref),
  );
  set.foundCopies(fresh, seen.found, Date.now());
  if (set.anyReady) state.work.set();
  return seen.horizon;
}
