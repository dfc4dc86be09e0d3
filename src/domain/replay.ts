import type { EventStatus } from './event';
import type { PublisherRef } from './publisher';

/** Which events a replay is about, within one publisher. */
export type ReplaySelection = { readonly eventIds: readonly string[] } | { readonly filter: ReplayFilter };

/** All that are named must fit. At least one must be named: "everything" is said by an `after` long ago. */
export interface ReplayFilter {
  /** Default: published and failed. `sent` is another word for published. */
  readonly status?: Exclude<EventStatus, 'pending'> | 'sent';
  readonly topic?: string;
  readonly type?: string;
  /** Ordering key. */
  readonly key?: string;
  readonly errorCode?: string;
  /** Accepted at or after this time, ISO-8601. */
  readonly after?: string;
  /** Accepted before this time, ISO-8601. */
  readonly before?: string;
}

export type ReplayState = 'running' | 'paused' | 'cancelled' | 'done';

/** A replay as operators see it. Times are ISO-8601 in UTC. */
export interface ReplayStatus extends PublisherRef {
  readonly replayId: string;
  readonly state: ReplayState;
  /** Counted when it was planned. */
  readonly total: number;
  /** Copies that Kafka has. */
  readonly published: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Failed events that were put back to pending in their own lane; they are published for the first time, not again. */
  readonly retried: number;
  /** Copies in the lane now. */
  readonly pending: number;
  /** Still to come: 0 when it has ended. */
  readonly remaining: number;
  readonly ratePerSecond: number | null;
  readonly by: string;
  readonly why: string;
  readonly changed: { readonly state: ReplayState; readonly by: string; readonly why: string } | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** Ids in one request: a command travels through Temporal, where a megabyte is much. */
export const MAX_REPLAY_IDS = 1_000;
export const MAX_REPLAY_RATE = 1_000_000;

/** The id of a replay's workflow. Each part is percent-encoded, and `:` never survives that, so no two replays share an id. */
export function replayWorkflowId(tenant: string, replayId: string): string {
  return `replay:${encodeURIComponent(tenant)}:${encodeURIComponent(replayId)}`;
}

/** What a replay may have waiting in its lane, so that a million events never are there at once. */
const MOST_AHEAD = 20_000;
/** Copies made in one transaction: some 60 ms. */
export const FEED_CHUNK = 5_000;

/** Tokens that gather at most, and copies waiting at most under a rate: what goes through at once after a stall. */
export function replayBurst(ratePerSecond: number): number {
  return Math.max(1, ratePerSecond);
}

/** How many copies to make now. `tokens` counts only with a rate. */
export function feedable(pending: number, ratePerSecond: number | null, tokens: number): number {
  if (ratePerSecond === null) return Math.max(0, Math.min(FEED_CHUNK, MOST_AHEAD - pending));
  const room = Math.min(MOST_AHEAD, replayBurst(ratePerSecond)) - pending;
  return Math.max(0, Math.min(FEED_CHUNK, room, Math.floor(tokens)));
}
