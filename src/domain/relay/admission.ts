import { Heap } from './heap';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition of a transaction, with the broker that leads it by metadata; null = none does. */
export interface LedPartition extends TopicPartition {
  readonly leader: number | null;
}

export type AdmissionState = 'unknown' | 'probing' | 'admitted' | 'suspended';

/** What a failed transaction says: of all of Kafka, or of these partitions only. */
export type Diagnosis =
  | { readonly kind: 'sick'; readonly why: string }
  | { readonly kind: 'suspended'; readonly partitions: readonly TopicPartition[] };

export const FIRST_WAIT_MS = 30_000;
export const LONGEST_WAIT_MS = 15 * 60_000;

interface Entry extends TopicPartition {
  place: number;
  state: AdmissionState;
  /** When its probe is due, ms since epoch. */
  due: number;
  /** What it waits the next time that it fails, ms. */
  wait: number;
  admittedAt: number;
}

/**
 * Which partitions may be in the transactions of main relays: one without a leader would keep a transaction pending for all.
 *
 *   unknown ── asked for ──→ probing ── ok ──→ admitted ── in error, unanswered ──→ suspended ── due ──→ probing
 *                               └── failed: 30 s, then twice as long each time up to 15 min ──→ suspended
 *
 * The wait is forgotten after a time in admission as long as the longest wait: one that fails again and again is asked less often.
 * Asking costs O(1), a change O(log n) of the partitions that wait.
 */
export class Admission {
  readonly #topics = new Map<string, Map<number, Entry>>();
  /** Unknown ones that were asked for and suspended ones, by their probe's time. */
  readonly #due = new Heap<Entry>((a, b) => a.due < b.due);

  /** Known from before a restart. */
  remember(partitions: Iterable<TopicPartition>, now: number): void {
    for (const { topic, partition } of partitions) this.#admit(this.#entry(topic, partition, now), now);
  }

  /** False: its events wait. The first time that it is asked for, its probe becomes due. */
  admits(topic: string, partition: number, now: number): boolean {
    return this.#entry(topic, partition, now).state === 'admitted';
  }

  stateOf(topic: string, partition: number): AdmissionState {
    return this.#topics.get(topic)?.get(partition)?.state ?? 'unknown';
  }

  /** At most `limit` whose probe is due, longest due first; they are probing until `probed`. */
  toProbe(now: number, limit: number): TopicPartition[] {
    const due: TopicPartition[] = [];
    for (let entry = this.#due.peek(); entry !== undefined && due.length < limit; entry = this.#due.peek()) {
      if (entry.due > now) break;
      this.#due.remove(entry);
      entry.state = 'probing';
      due.push({ topic: entry.topic, partition: entry.partition });
    }
    return due;
  }

  /** When the next probe is due, ms since epoch; null = none waits. */
  get nextProbeAt(): number | null {
    return this.#due.peek()?.due ?? null;
  }

  /** What came of a probe. Answers whether it is admitted now; a late answer about another state changes nothing. */
  probed({ topic, partition }: TopicPartition, ok: boolean, now: number): boolean {
    const entry = this.#topics.get(topic)?.get(partition);
    if (entry?.state === 'probing') {
      if (ok) this.#admit(entry, now);
      else this.#suspend(entry, now);
    }
    return entry?.state === 'admitted';
  }

  /**
   * Some partitions of a transaction were in error or unanswered. Where the ledger's is among them, or most leaders answered for none
   * of theirs, Kafka is sick: nobody is moved. Otherwise those partitions are suspended. `all`: with the ledger's.
   */
  failed(
    failed: readonly TopicPartition[],
    all: readonly LedPartition[],
    ledger: TopicPartition,
    now: number,
  ): Diagnosis {
    const names = new Set(failed.map(nameOf));
    if (names.has(nameOf(ledger))) return { kind: 'sick', why: `the ledger's partition ${nameOf(ledger)} failed` };
    const leaders = new Map<number, boolean>();
    for (const one of all) {
      if (one.leader === null) continue;
      leaders.set(one.leader, (leaders.get(one.leader) ?? true) && names.has(nameOf(one)));
    }
    const silent = [...leaders].flatMap(([leader, dead]) => (dead ? [leader] : []));
    if (silent.length * 2 > leaders.size) {
      return { kind: 'sick', why: `${silent.length} of ${leaders.size} leaders failed: brokers ${silent.join(', ')}` };
    }
    for (const { topic, partition } of failed) this.#suspend(this.#entry(topic, partition, now), now);
    return { kind: 'suspended', partitions: failed.map(({ topic, partition }) => ({ topic, partition })) };
  }

  /** The topic is gone, or its events are. */
  forget(topic: string): void {
    for (const entry of this.#topics.get(topic)?.values() ?? []) this.#due.remove(entry);
    this.#topics.delete(topic);
  }

  /** For metrics and doctor. */
  suspended(): (TopicPartition & { readonly until: number })[] {
    return [...this.#due.items()]
      .filter(({ state }) => state === 'suspended')
      .map(({ topic, partition, due }) => ({ topic, partition, until: due }));
  }

  #entry(topic: string, partition: number, now: number): Entry {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) this.#topics.set(topic, (partitions = new Map<number, Entry>()));
    let entry = partitions.get(partition);
    if (entry === undefined) {
      entry = { topic, partition, place: -1, state: 'unknown', due: now, wait: FIRST_WAIT_MS, admittedAt: 0 };
      partitions.set(partition, entry);
      this.#due.push(entry);
    }
    return entry;
  }

  #admit(entry: Entry, now: number): void {
    this.#due.remove(entry);
    entry.state = 'admitted';
    entry.admittedAt = now;
  }

  #suspend(entry: Entry, now: number): void {
    if (entry.state === 'suspended') return;
    this.#due.remove(entry);
    if (entry.state === 'admitted' && now - entry.admittedAt >= LONGEST_WAIT_MS) entry.wait = FIRST_WAIT_MS;
    entry.state = 'suspended';
    entry.due = now + entry.wait;
    entry.wait = Math.min(LONGEST_WAIT_MS, entry.wait * 2);
    this.#due.push(entry);
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
