import type { OutboxEvent } from '../../domain/event';
import { writeBlocked } from '../../postgres/blocked';
import type { BlockedCodes } from '../../postgres/blocked';
import type { DrainDeps } from './context';
import type { Hold } from './hold';
import type { DrainProgress } from './progress';

/** The row is read and written all the time: a tenant that invents topics must not make it grow without end. */
const MOST_KEPT = 200;

/**
 * Keeps the publisher's row saying which topics are blocked, for those who ask why events wait. A topic is taken out only when
 * it took events (or when nothing is pending any more, see `fallAsleep`): a drain may end before it has met all topics, and then
 * knows nothing of them. Nothing is written while nothing changed.
 */
export class BlockedTopics {
  private readonly flowed = new Set<string>();

  constructor(
    private readonly deps: DrainDeps,
    private readonly hold: Hold,
    private readonly progress: DrainProgress,
  ) {}

  /** Kafka has committed these. */
  sent(events: readonly OutboxEvent[]): void {
    if (this.inRow.size === 0) return;
    for (const { topic } of events) if (this.inRow.has(topic)) this.flowed.add(topic);
  }

  async save(): Promise<void> {
    const { hold, progress } = this;
    if (hold.clean === null || (this.flowed.size === 0 && progress.blocked.size === 0)) return;
    const still = [...this.inRow].filter(([topic]) => !this.flowed.has(topic));
    const met = [...progress.blocked.values()].map(({ topic, code }): [string, string] => [topic, code]);
    const now = new Map([...new Map([...still, ...met])].slice(0, MOST_KEPT));
    if (!same(now, this.inRow)) {
      await writeBlocked(this.deps.pool, { ref: hold.ref, fence: hold.clean.fence }, now);
      hold.blocked = now;
    }
    this.flowed.clear();
  }

  private get inRow(): BlockedCodes {
    return this.hold.blocked ?? NONE;
  }
}

const NONE: BlockedCodes = new Map();

function same(a: BlockedCodes, b: BlockedCodes): boolean {
  return a.size === b.size && [...a].every(([topic, code]) => b.get(topic) === code);
}
