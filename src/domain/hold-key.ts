import type { Lane } from './event';

/** What becomes of later events of a key while one of it is parked: they wait, or they go on without it. */
export type OnPoison = 'hold-key' | 'skip';

export const DEFAULT_ON_POISON: OnPoison = 'hold-key';

/** Refusals of one event until it is parked. */
export const DEFAULT_MAX_ATTEMPTS = 5;

/** What of an event the rule of holding looks at. */
export interface Keyed {
  readonly id: string;
  readonly key: string | null;
  readonly lane: Lane;
}

/**
 * The events of a selection that may go on while some of it are being parked: without those, and without what must wait
 * behind them. An event waits if a parked one of its key has a lower id and both are in the live lane: a late commit has a
 * lower id and does not wait, a replay neither holds nor waits. The order stays.
 */
export function withoutHeld<E extends Keyed>(
  events: readonly E[],
  parkedIds: ReadonlySet<string>,
  onPoison: OnPoison,
): readonly E[] {
  if (parkedIds.size === 0) return events;
  const heldFrom = new Map<string, bigint>();
  if (onPoison === 'hold-key') {
    for (const { id, key, lane } of events) {
      if (key === null || lane !== 'live' || !parkedIds.has(id)) continue;
      const before = heldFrom.get(key);
      if (before === undefined || BigInt(id) < before) heldFrom.set(key, BigInt(id));
    }
  }
  return events.filter(({ id, key, lane }) => {
    if (parkedIds.has(id)) return false;
    const from = key === null || lane !== 'live' ? undefined : heldFrom.get(key);
    return from === undefined || BigInt(id) < from;
  });
}
