import type { DrainAddress, DrainEnd, DrainFailure, DrainOutcome } from '../domain/drain';
import { EVENT_BYTES } from '../postgres/event-columns';
import type { Detached } from '../postgres/relay/detach';
import type { Attachment, RelayDrain } from './attachment';

/** What the row keeps of how a drain ended. */
export interface EndedDrain {
  readonly end: DrainEnd;
  readonly failure: DrainFailure | null;
  readonly parked: number;
  readonly batches: number;
  readonly blockedTopics: readonly string[];
  readonly quota: DrainOutcome['quota'] | null;
  readonly quietMs: number | null;
  readonly denials: number;
}

/** What the row has of a drain: `published` and `bytes` are the totals when it attached. */
interface DrainInRow extends RelayDrain, Partial<EndedDrain> {
  readonly published: number;
  readonly bytes: number;
}

export function endedOf(attachment: Attachment): EndedDrain {
  const { ending, failure, parked, batches, topics, refusedTopic, tokens, publishedAt, denials } = attachment;
  const blocked = [...topics.all.keys(), ...(refusedTopic === null ? [] : [refusedTopic])];
  const quietMs = publishedAt === null ? null : Date.now() - publishedAt;
  return {
    end: ending ?? 'time',
    failure,
    parked,
    batches,
    blockedTopics: blocked.slice(0, 20),
    quota: tokens.quota,
    quietMs,
    denials,
  };
}

/**
 * The outcome of a drain that was detached, from its row: also of one whose relay died after that. What was published while it was attached
 * is the difference of totals that only settles and take-overs change, so nothing is overspent or miscounted.
 */
export function outcomeOf(detached: Detached, worker: string): { address: DrainAddress; outcome: DrainOutcome } {
  const drain = detached.drain as unknown as DrainInRow;
  const published = Math.max(0, detached.published - drain.published);
  const ended = drain.end ?? 'time';
  return {
    address: drain.address,
    outcome: {
      published,
      // As quotas count them: the rows' totals are of payloads.
      publishedBytes: Math.max(0, detached.bytes - drain.bytes) + published * EVENT_BYTES,
      parked: drain.parked ?? 0,
      batches: drain.batches ?? 0,
      // Empty says that nothing is pending: an event that came since the last look must not wait for the sweep.
      end: ended === 'empty' && detached.pending ? 'time' : ended,
      failure: drain.failure ?? null,
      blockedTopics: drain.blockedTopics ?? [],
      worker,
      ...(drain.quota != null && { quota: drain.quota }),
      ...((drain.denials ?? 0) > 0 && { denials: drain.denials ?? 0 }),
      ...(drain.quietMs != null && { quietMs: drain.quietMs }),
    },
  };
}
