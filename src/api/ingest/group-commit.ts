import { OutboxError, isOutboxError } from '../../domain/errors';
import type { EventStore, Inserted, NewEvent } from '../ports';

/**
 * Waiting single posts, of all tenants, share one transaction: a commit costs an fsync, whether it carries one event or 500.
 * While the store works, the next group gathers; nobody waits for a group to fill up.
 */
export interface GroupCommitOptions {
  readonly maxEvents: number;
  /** Payload bytes of one group. One larger event goes alone. */
  readonly maxBytes: number;
  /** Groups in the store at the same time, hence connections used. */
  readonly maxInFlight: number;
  /** Payload bytes that may wait; beyond it posts are refused, so that a dead Postgres does not fill the memory. */
  readonly maxWaitingBytes: number;
  readonly maxWaiting: number;
}

export const GROUP_COMMIT_DEFAULTS: GroupCommitOptions = {
  maxEvents: 500,
  maxBytes: 4 * 1_048_576,
  maxInFlight: 4,
  maxWaitingBytes: 64 * 1_048_576,
  maxWaiting: 10_000,
};

/** Events that are enough to commit at once although other groups are in flight. */
const WORTH_A_COMMIT = 32;

interface Waiting {
  readonly event: NewEvent;
  readonly bytes: number;
  readonly resolve: (inserted: Inserted) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit {
  /** Resolves after the commit that holds the event. Rejects with an OutboxError. */
  submit(event: NewEvent): Promise<Inserted>;
}

/** Makes a group commit. `onCommitted` is called once per group, after its commit. */
export function createGroupCommit(
  store: EventStore,
  onCommitted: (events: readonly NewEvent[], inserted: readonly Inserted[]) => void,
  options: GroupCommitOptions = GROUP_COMMIT_DEFAULTS,
): GroupCommit {
  const queue: Waiting[] = [];
  let waitingBytes = 0;
  let inFlight = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || queue.length === 0 || inFlight >= options.maxInFlight) return;
    scheduled = true;
    // Alone: after the I/O of this turn of the event loop, so that requests that arrived together join one group. While
    // others are in flight a lone post would cost a commit of its own: let company gather for a millisecond.
    if (inFlight === 0 || queue.length >= WORTH_A_COMMIT) setImmediate(run);
    else setTimeout(run, 1);
  }

  function run(): void {
    scheduled = false;
    flush();
  }

  function flush(): void {
    const group = takeGroup();
    if (group.length === 0) return;
    inFlight += 1;
    void commit(group).finally(() => {
      inFlight -= 1;
      schedule();
    });
    schedule();
  }

  function takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of queue) {
      if (count >= options.maxEvents || (count > 0 && bytes + waiting.bytes > options.maxBytes)) break;
      bytes += waiting.bytes;
      count += 1;
    }
    waitingBytes -= bytes;
    return queue.splice(0, count);
  }

  async function commit(group: readonly Waiting[]): Promise<void> {
    try {
      settle(group, await insert(group));
    } catch (error) {
      // One row's fault must not fail its neighbours. An outage is nobody's fault: trying each again would only prolong it.
      if (group.length === 1 || !isRowsFault(error)) {
        for (const waiting of group) waiting.reject(error);
        return;
      }
      for (const waiting of group) {
        await insert([waiting]).then(
          (inserted) => settle([waiting], inserted),
          (reason: unknown) => waiting.reject(reason),
        );
      }
    }
  }

  async function insert(group: readonly Waiting[]): Promise<readonly Inserted[]> {
    const events = group.map((waiting) => waiting.event);
    const inserted = await store.insert(events, 'each');
    if (inserted.length !== group.length) {
      throw new OutboxError(
        'INTERNAL',
        `The store answered ${inserted.length} of ${group.length} events. Report this as a bug.`,
      );
    }
    onCommitted(events, inserted);
    return inserted;
  }

  function settle(group: readonly Waiting[], inserted: readonly Inserted[]): void {
    group.forEach((waiting, index) => waiting.resolve(inserted[index] as Inserted));
  }

  return {
    submit(event) {
      const bytes = event.payload?.length ?? 0;
      if (queue.length >= options.maxWaiting || waitingBytes + bytes > options.maxWaitingBytes) {
        return Promise.reject(
          new OutboxError(
            'POSTGRES_UNAVAILABLE',
            'Too many events wait for Postgres. Try again, with the same Idempotency-Key.',
          ),
        );
      }
      return new Promise((resolve, reject) => {
        queue.push({ event, bytes, resolve, reject });
        waitingBytes += bytes;
        schedule();
      });
    },
  };
}

/** A refusal, or a lost race of one row (a deadlock, a first event purged meanwhile): SQLSTATE class 40. */
function isRowsFault(error: unknown): boolean {
  return (
    isOutboxError(error) && (error.code === 'POSTGRES_REFUSED' || String(error.details['sqlstate']).startsWith('40'))
  );
}
