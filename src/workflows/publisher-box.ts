import { proxyLocalActivities } from '@temporalio/workflow';
import { openBreakerOf } from '../domain/breaker';
import type { PublisherInput, PublisherActivities, PublisherSave } from '../domain/publisher-settings';
import type { PublisherState } from '../domain/publisher-state';
import type { BreakerNotices } from './breaker-notices';

/** The short activities that read and write the publisher's row. */
export const local = proxyLocalActivities<PublisherActivities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

export interface Box {
  state: PublisherState;
  /** Set by every handler; ends a wait. */
  changed: boolean;
  /** What the publisher's row has of it, as JSON. */
  remembered: string;
  /** Orders that came before the publisher's row was read; null from then on. */
  early: (() => void)[] | null;
  /** Changes of the breaker that nobody has counted yet. */
  notices: BreakerNotices;
}

/** Writes into the row what changed of the part that it keeps. */
export async function remember(box: Box, ref: PublisherInput['publisher']): Promise<void> {
  const kept = keptPart(box.state);
  box.notices.look(box.state.breaker);
  if (JSON.stringify(kept) === box.remembered && !box.notices.any) return;
  await local.savePublisher(ref, { why: null, until: null, ...rowPart(box.state), breakerTo: box.notices.take() });
  box.remembered = JSON.stringify(kept);
}

/** The kept part as it is written: an open breaker with its last changes, for whoever looks after its workflow was lost. */
export function rowPart(state: PublisherState): ReturnType<typeof keptPart> {
  const kept = keptPart(state);
  const { transitions } = state.breaker;
  return { ...kept, breaker: kept.breaker === null ? null : { ...kept.breaker, transitions } };
}

/** What operators set or must know of, and an open breaker, as the publisher's row remembers it. */
export function keptPart(state: PublisherState): Pick<PublisherSave, 'paused' | 'limits' | 'breaker'> {
  const { paused, overrides: limits, breaker } = state;
  return { paused, limits, breaker: openBreakerOf(breaker) };
}
