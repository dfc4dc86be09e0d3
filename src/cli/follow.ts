/**
 * Follows events that reach a status. Every look reads all pages from `floor()` on, so a burst larger than a page leaves no gap; the
 * floor stays `lookbackMs` behind the newest event seen, because transactions commit later than the times that they wrote. What was
 * shown is remembered as long as it can come again.
 */
export interface Follower {
  /** The next look goes back to here (ms). */
  floor(): number;
  /** What is new in the answer of a look, oldest first. */
  take(events: readonly FollowedEvent[]): FollowedEvent[];
}

export type FollowedEvent = Readonly<Record<string, unknown>>;

export interface FollowOptions {
  /** The first events shown are those of this time (ms) or later. */
  readonly from: number;
  readonly lookbackMs: number;
  /** When an event reached the status. */
  readonly timeOf: (event: FollowedEvent) => number;
}

export function createFollower({ from, lookbackMs, timeOf }: FollowOptions): Follower {
  let newest = from;
  let first = true;
  const shown = new Map<string, number>();
  const floor = (): number => newest - lookbackMs;
  return {
    floor,
    take(events) {
      const fresh = new Map<string, FollowedEvent>();
      for (const event of events) if (!shown.has(identityOf(event))) fresh.set(identityOf(event), event);
      for (const [id, event] of fresh) {
        shown.set(id, timeOf(event));
        newest = Math.max(newest, timeOf(event));
      }
      // One millisecond more than the floor: the service compares microseconds, its answers have milliseconds.
      for (const [id, time] of shown) if (time < floor() - 1) shown.delete(id);
      // The first look reaches back before `from` only to learn what was there already.
      const result = [...fresh.values()].filter((event) => !first || timeOf(event) >= from);
      first = false;
      return result.sort((a, b) => timeOf(a) - timeOf(b) || byId(a, b));
    },
  };
}

function identityOf(event: FollowedEvent): string {
  return `${String(event['tenant_id'])}/${String(event['id'])}`;
}

function byId(a: FollowedEvent, b: FollowedEvent): number {
  const [left, right] = [BigInt(String(a['id'])), BigInt(String(b['id']))];
  return left < right ? -1 : left > right ? 1 : 0;
}
