import type { OutboxEvent } from '../../domain/event';
import type { OutgoingBatch, Placement } from '../sink';
import type { KafkaSettings } from './options';
import { messageKey, partitionOf } from './partitioner';

/** One run of consecutive offsets that a batch took in a partition. */
export interface SentRun {
  readonly topic: string;
  readonly partition: number;
  /** Below 2^53: a partition takes 285 years to get there at a million records a second. */
  readonly baseOffset: number;
  readonly count: number;
}

/** The partition of each event of a batch, and the partition counts it was computed with. */
export interface PartitionPlan {
  /** By topic, in the order of the topics' first events. */
  readonly counts: ReadonlyMap<string, number>;
  /** Aligned with the batch's events. */
  readonly partitions: Int32Array;
}

/** Chooses the partition of each event from its key. `counts`: the partition count of every topic of the batch. */
export function planPartitions(
  events: readonly OutboxEvent[],
  counts: ReadonlyMap<string, number>,
  keyStyle: KafkaSettings['keyStyle'],
): PartitionPlan & { readonly keys: readonly Buffer[] } {
  const partitions = new Int32Array(events.length);
  const keys = events.map((event, i) => {
    const key = messageKey(event, keyStyle);
    partitions[i] = partitionOf(key, counts.get(event.topic) ?? 1);
    return key;
  });
  return { counts, partitions, keys };
}

/** The offset of each event, given the runs of each partition in the order in which they were sent. Null if they do not fit. */
export function assignPlaces(
  batch: OutgoingBatch,
  plan: PartitionPlan,
  runs: readonly SentRun[],
): readonly Placement[] | null {
  const topics = new Map<string, RunQueue[]>();
  for (const run of runs) {
    const queues = topics.get(run.topic) ?? [];
    if (queues.length === 0) topics.set(run.topic, queues);
    (queues[run.partition] ??= new RunQueue()).add(run);
  }
  const places: Placement[] = [];
  for (const [i, event] of batch.events.entries()) {
    const partition = plan.partitions[i] ?? -1;
    const offset = topics.get(event.topic)?.[partition]?.take();
    if (offset === undefined) return null;
    places.push({ partition, offset: String(offset) });
  }
  const used = [...topics.values()].every((queues) => Object.values(queues).every((queue) => queue.isEmpty()));
  return used ? places : null;
}

/** Hands out the offsets of one partition's runs, one after the other. */
class RunQueue {
  readonly #runs: SentRun[] = [];
  #run = 0;
  #taken = 0;

  add(run: SentRun): void {
    this.#runs.push(run);
  }

  take(): number | undefined {
    const run = this.#runs[this.#run];
    if (run === undefined) return undefined;
    const offset = run.baseOffset + this.#taken;
    this.#taken += 1;
    if (this.#taken >= run.count) {
      this.#run += 1;
      this.#taken = 0;
    }
    return offset;
  }

  isEmpty(): boolean {
    return this.#run === this.#runs.length;
  }
}
