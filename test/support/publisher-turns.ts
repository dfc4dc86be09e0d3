import type { DrainOutcome } from '../../src/domain/drain';
import { drainEnded, drainStarted } from '../../src/domain/publisher-outcome';
import { advance, decide } from '../../src/domain/publisher-decision';
import type { PublisherState } from '../../src/domain/publisher-state';

export const T0 = 1_800_000_000_000;
export const MAX = 1_000_000;

/** What a drain answers that had nothing to do, but for `part`. */
export function outcome(part: Partial<DrainOutcome>): DrainOutcome {
  const nothing = { published: 0, publishedBytes: 0, parked: 0, batches: 0, failure: null, blockedTopics: [] };
  return { ...nothing, end: 'empty', worker: 'w', ...part };
}

export const failed = outcome({
  end: 'failed',
  failure: { code: 'KAFKA_UNAVAILABLE', message: 'down', breaker: true },
});

/** One turn of the workflow's loop with a given drain outcome. */
export function turn(state: PublisherState, now: number, result: DrainOutcome): PublisherState {
  const decision = decide(advance(state, now), now, MAX);
  if (decision.kind !== 'drain') throw new Error(`expected a drain, got ${JSON.stringify(decision)}`);
  return drainEnded(drainStarted(advance(state, now), decision.probe, now), result, decision, now, 0.5);
}

/** So many turns, a minute apart. */
export function turns(start: PublisherState, count: number, result: DrainOutcome): PublisherState {
  let state = start;
  for (let i = 0; i < count; i += 1) state = turn(state, T0 + i * 60_000, result);
  return state;
}
