import type { Pool } from 'pg';
import type { ErrorCode } from '../domain/errors';
import { errorMessage, isOutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherActivities } from '../domain/publisher-settings';
import type { ReplayActivities } from '../domain/replay-workflow';
import { isBadData, isCancelled } from '../postgres/errors';
import { requestReplay, setReplayState } from '../postgres/replay-control';
import { feedReplay } from '../postgres/replay-feed';

export interface ReplayObserver {
  /** A command that Postgres refuses however often it is tried. */
  refused(ref: PublisherRef, replayId: string, code: ErrorCode, message: string): void;
}

/** How long counting may keep the publisher from draining, each time. */
const COUNT_MS = 8_000;
/** The publisher drains between two attempts. */
const MOST_COUNTS = 3;

/** The short local activities of replays. `wake` is best effort: the sweep repeats it. */
export function replayActivities(
  pool: Pool,
  wake: (ref: PublisherRef) => Promise<void>,
  observer: ReplayObserver,
  countMs = COUNT_MS,
): ReplayActivities & Pick<PublisherActivities, 'requestReplay'> {
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
    // Tried again for ever, a command that cannot be stored would keep the publisher from ever draining again.
    async requestReplay(ref, command, attempt) {
      try {
        await requestReplay(pool, ref, command, { statementMs: countMs });
        return { kind: 'stored' };
      } catch (error) {
        if (!isOutboxError(error)) throw error;
        if (isCancelled(error) && attempt < MOST_COUNTS) return { kind: 'slow' };
        const mayPass = error.retryable || (error.code === 'POSTGRES_REFUSED' && !isBadData(error));
        if (mayPass && !isCancelled(error)) throw error;
        const why = isCancelled(error) ? tooSlow(countMs) : errorMessage(error);
        observer.refused(ref, command.replayId, error.code, why);
        return { kind: 'refused', why };
      }
    },
  };
}

function tooSlow(countMs: number): string {
  const tried = `${MOST_COUNTS} times Postgres did not count its events within ${countMs / 1_000} s`;
  return `${tried}. Select fewer (after, before, topic), or plan it over the admin API, and ask again.`;
}
