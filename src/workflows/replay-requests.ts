import { log, proxyLocalActivities } from '@temporalio/workflow';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherActivities } from '../domain/publisher-settings';
import type { PublisherState } from '../domain/publisher-state';
import { refusedReplay, storedReplay } from '../domain/replay-commands';
import type { ReplayCommand, ReplayRequestAnswer } from '../domain/replay-commands';

/** Beyond what the statements of one attempt may take together: only a server that does not answer at all exceeds it. */
const local = proxyLocalActivities<PublisherActivities>({
  startToCloseTimeout: '40s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

/** Stores the replays that were asked for. Those whose events take long to count are tried between drains, and given up in the end. */
export class ReplayRequests {
  /** Attempts in this run at the first one in the queue. */
  private attempts = 0;

  attempt(ref: PublisherRef, command: ReplayCommand): Promise<ReplayRequestAnswer> {
    this.attempts += 1;
    return local.requestReplay(ref, command, this.attempts);
  }

  /** False if the command is to be tried again after the next drain. */
  ended(
    box: { state: PublisherState },
    ref: PublisherRef,
    command: ReplayCommand,
    answer: ReplayRequestAnswer,
  ): boolean {
    if (answer.kind === 'slow') return false;
    this.attempts = 0;
    if (answer.kind !== 'refused') box.state = storedReplay(box.state, command);
    else {
      box.state = refusedReplay(box.state, command, answer.why, Date.now());
      log.warn('replay refused', { publisher: publisherId(ref), replayId: command.replayId, why: answer.why });
    }
    return true;
  }
}
