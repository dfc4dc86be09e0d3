import type { Count } from './counts';

/** The events of one status of one tenant. */
export interface Backlog {
  readonly tenant: string;
  readonly events: Count;
  /** When the oldest was created; null if there is none. */
  readonly oldestAt: string | null;
}

export interface Bounds {
  readonly maxEvents: number | null;
  readonly maxAgeMs: number | null;
}

export type Verdict = 'within' | 'above' | 'undecided';

/**
 * Whether a backlog is within the bounds. A count that ended at its bound below ours decides nothing: neither "ok" nor "too many"
 * would be true.
 */
export function judge(backlog: Backlog, bounds: Bounds, now: number): Verdict {
  const { events, oldestAt } = backlog;
  if (bounds.maxEvents !== null && events.count > bounds.maxEvents) return 'above';
  if (bounds.maxAgeMs !== null && oldestAt !== null && now - Date.parse(oldestAt) > bounds.maxAgeMs) return 'above';
  return bounds.maxEvents !== null && !events.exact ? 'undecided' : 'within';
}
