import { ActivityFailure, CancellationScope, condition, isCancellation, log, patched } from '@temporalio/workflow';
import type { DrainOutcome } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type { PublisherInput, PublisherSettings } from '../domain/publisher-settings';
import { drainEnded, drainStarted } from '../domain/publisher-outcome';
import type { Decision } from '../domain/publisher-decision';
import { keptPart, local, remember, rowPart } from './publisher-box';
import type { Box } from './publisher-box';
import { startDrain } from './start-drain';

/** One drain, and its outcome in the state. True if the backlog outlasted it: its time or its grant was over first. */
export async function drainOnce(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'drain' }>,
  settings: PublisherSettings,
): Promise<boolean> {
  box.state = drainStarted(box.state, decision.probe, Date.now());
  box.notices.look(box.state.breaker);
  const { outcome, granted } = await untilOrdered(box, ref, decision, settings);
  box.state = drainEnded(box.state, outcome, granted, Date.now(), Math.random(), () => patched('outcomes-revised'));
  // A save that was repeated elsewhere may have written its older version late. Where the row alone says pause, it is written again.
  if (box.state.drain.allPaused && patched('row-is-written-again')) box.remembered = '';
  reportFailure(ref, outcome);
  return outcome.published > 0 && (outcome.end === 'time' || outcome.end === 'granted');
}

/**
 * Runs the drain, and tells it to end after its batch in flight when an operator orders something: what was ordered counts from the
 * next grant. The drain hears of it with a heartbeat, within about two seconds. `granted`: what the drain that answered was given.
 */
async function untilOrdered(
  box: Box,
  ref: PublisherInput['publisher'],
  decision: Extract<Decision, { kind: 'drain' }>,
  settings: PublisherSettings,
): Promise<{ outcome: DrainOutcome; granted: typeof decision }> {
  const scope = new CancellationScope();
  // On a relay an order acts through the row: written there, it makes the relay give the publisher back.
  const end = settings.engine === 'relays' ? () => askBack(box, ref) : () => Promise.resolve(scope.cancel());
  const drained = scope.run(() => startDrain(box, ref, decision, settings));
  try {
    return { outcome: await besidesRemembering(box, ref, drained, end), granted: decision };
  } catch (error) {
    // No worker had it yet, or the one that had it died: the server does not try anew what was told to end, and answers with the
    // cancellation or with the worker's time-out. It may have recorded, which the same grant pays: a grant of nothing finds out.
    const toldToEnd = scope.consideredCancelled && !CancellationScope.current().consideredCancelled;
    if (!toldToEnd || !(isCancellation(error) || error instanceof ActivityFailure)) throw error;
    const granted = { ...decision, events: 0 };
    const rest = startDrain(box, ref, granted, settings, { again: true });
    return { outcome: await besidesRemembering(box, ref, rest, () => Promise.resolve()), granted };
  }
}

/**
 * Waits for the drain, and writes what an operator orders meanwhile into the row at once: there the running drain meets a
 * pause or an opened breaker before its next batch. `end` is called after that.
 */
async function besidesRemembering(
  box: Box,
  ref: PublisherInput['publisher'],
  drained: Promise<DrainOutcome>,
  end: () => Promise<void>,
): Promise<DrainOutcome> {
  let over = false;
  let asked = replaysAsked(box);
  const ordered = (): boolean => JSON.stringify(keptPart(box.state)) !== box.remembered;
  const remembering = (async () => {
    for (;;) {
      await condition(() => over || ordered() || replaysAsked(box) > asked);
      if (over) return;
      asked = replaysAsked(box);
      if (ordered()) await remember(box, ref);
      if (patched('orders-end-a-drain')) await end();
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

/** Also for what changes nothing that the row keeps, as a replay that is to be stored between drains. */
async function askBack(box: Box, ref: PublisherInput['publisher']): Promise<void> {
  await local.savePublisher(ref, { why: null, until: null, ...rowPart(box.state) });
}

/** Replays that wait to be stored, which is done between drains. */
function replaysAsked(box: Box): number {
  return box.state.replayRequests?.length ?? 0;
}

function reportFailure(ref: PublisherInput['publisher'], outcome: DrainOutcome): void {
  if (outcome.failure === null) return;
  log.warn('drain failed', { publisher: publisherId(ref), end: outcome.end, code: outcome.failure.code });
}
