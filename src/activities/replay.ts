import type { Pool } from 'pg';
import { errorMessage, isOutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { ReplayCommand } from '../domain/replay-commands';
import type { ReplayActivities } from '../domain/replay-workflow';
import { requestReplay, setReplayState } from '../postgres/replay-control';
import { feedReplay } from '../postgres/replay-feed';

export interface ReplayObserver {
  /** A command that Postgres refuses however often it is tried. */
  refused(ref: PublisherRef, replayId: string, message: string): void;
}

/** The short local activities of replays. `wake` is best effort: the sweep repeats it. */
export function replayActivities(
  pool: Pool,
  wake: (ref: PublisherRef) => Promise<void>,
  observer: ReplayObserver,
): ReplayActivities & { requestReplay(ref: PublisherRef, command: ReplayCommand): Promise<void> } {
  return {
    async visitReplay({ tenant, replayId }, idle) {
      const fed = await feedReplay(pool, tenant, replayId, idle);
      if (fed.wake && fed.replay !== null) {
        const { destination, shard } = fed.replay;
        await wake({ tenant, destination, shard });
      }
      return { replay: fed.replay, more: fed.more, waitMs: fed.waitMs };
    },
    async changeReplay({ tenant, replayId }, wanted) {
      await setReplayState(pool, { tenant, replayId, ...wanted });
    },
    async requestReplay(ref, command) {
      try {
        await requestReplay(pool, ref, command);
      } catch (error) {
        // Tried again for ever, it would keep the publisher from ever draining again.
        if (!isOutboxError(error) || error.retryable) throw error;
        observer.refused(ref, command.replayId, errorMessage(error));
      }
    },
  };
}
