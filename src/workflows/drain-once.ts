import { condition, log } from '@temporalio/workflow';
import type { DrainOutcome } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import { drainEnded, drainStarted } from '../domain/publisher-outcome';
import type { Decision } from '../domain/publisher-decision';
import { keptPart, local, remember, rowPart } from './publisher-box';
import type { Box } from './publisher-box';
import { startDrain } from './start-drain';

/** One drain, and its outcome in the state. True if the backlog outlasted it: its time or its grant was over first. */
export async function drainOnce(
  box: Box,
  ref: PublisherRef,
  decision: Extract<Decision, { kind: 'drain' }>,
): Promise<boolean> {
  box.state = drainStarted(box.state, decision.probe, Date.now());
  box.notices.look(box.state.breaker);
  const outcome = await besidesOrders(box, ref, startDrain(box, ref, decision));
  box.state = drainEnded(box.state, outcome, decision, Date.now(), Math.random());
  // A save that was repeated elsewhere may have written its older version late. Where the row alone says pause, it is written again.
  if (box.state.drain.allPaused) box.remembered = '';
  if (outcome.failure !== null)
    log.warn('drain failed', { publisher: publisherId(ref), end: outcome.end, code: outcome.failure.code });
  return outcome.published > 0 && (outcome.end === 'time' || outcome.end === 'granted');
}

/**
 * Waits for the drain, and writes what an operator orders meanwhile into the row at once: there it acts on the next claim, and the write makes
 * the relay give the publisher back, so that what was ordered counts from the next grant.
 */
async function besidesOrders(box: Box, ref: PublisherRef, drained: Promise<DrainOutcome>): Promise<DrainOutcome> {
  let over = false;
  let asked = replaysAsked(box);
  const ordered = (): boolean => JSON.stringify(keptPart(box.state)) !== box.remembered;
  const remembering = (async () => {
    for (;;) {
      await condition(() => over || ordered() || replaysAsked(box) > asked);
      if (over) return;
      asked = replaysAsked(box);
      if (ordered()) await remember(box, ref);
      // Also for what changes nothing that the row keeps, as a replay that is to be stored between drains.
      else await local.savePublisher(ref, { why: null, until: null, ...rowPart(box.state) });
    }
  })();
  // Its wait rejects as soon as the workflow is cancelled, the drain only when it has ended: without this the task would fail till then.
  remembering.catch(() => undefined);
  try {
    return await drained;
  } finally {
    over = true;
    await remembering;
  }
}

/** Replays that wait to be stored, which is done between drains. */
function replaysAsked(box: Box): number {
  return box.state.replayRequests?.length ?? 0;
}
