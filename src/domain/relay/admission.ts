export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition of a transaction, with the broker that leads it by metadata; null = none does. */
export interface LedPartition extends TopicPartition {
  readonly leader: number | null;
}

export type AdmissionState = 'unknown' | 'admitted' | 'suspended';

/** What a failed transaction says: of all of Kafka, or of these topics only. */
export type Diagnosis =
  { readonly kind: 'sick'; readonly why: string } | { readonly kind: 'suspended'; readonly topics: readonly string[] };

/** After a failure a probe waits for the first, then twice as long each time up to the longest. */
export const FIRST_WAIT_MS = 30_000;
export const LONGEST_WAIT_MS = 15 * 60_000;

/**
 * Which topics may be in the transactions of relays: a partition that cannot take its marker would keep a transaction pending for all.
 *
 *   unknown ── every partition took a probe's marker ──→ admitted ── one in error, unanswered, without leader ──→ suspended
 *                  └── one did not ──→ suspended ── a later probe: clear ──→ admitted
 *                                         └── a fail-over has lost that ──→ unknown
 *
 * By topic and not by partition: order per key is the topic's, and so is what is set aside. Kept in a table, so that a restart and other
 * workers know it, and one worker of all probes what is suspended. Asking costs one look into a map.
 */
export class Admission {
  /** Null = admitted, else why it is not. */
  readonly #known = new Map<string, string | null>();
  #suspended = 0;

  stateOf(topic: string): AdmissionState {
    const why = this.#known.get(topic);
    return why === undefined ? 'unknown' : why === null ? 'admitted' : 'suspended';
  }

  whyNot(topic: string): string | null {
    return this.#known.get(topic) ?? null;
  }

  get suspended(): number {
    return this.#suspended;
  }

  suspendedTopics(): string[] {
    return [...this.#known].flatMap(([topic, why]) => (why === null ? [] : [topic]));
  }

  /** It is unknown again, and probed when somebody has events for it. */
  forget(topic: string): void {
    if (this.stateOf(topic) === 'suspended') this.#suspended -= 1;
    this.#known.delete(topic);
  }

  /** True if that is news. */
  admit(topic: string): boolean {
    const before = this.#known.get(topic);
    if (before === null) return false;
    if (before !== undefined) this.#suspended -= 1;
    this.#known.set(topic, null);
    return true;
  }

  /** True if it was not suspended before; the first reason stays. */
  suspend(topic: string, why: string): boolean {
    if (this.stateOf(topic) === 'suspended') return false;
    this.#suspended += 1;
    this.#known.set(topic, why);
    return true;
  }
}

/**
 * Some partitions of a transaction were in error or unanswered. Where the ledger's is among them, or most leaders answered for none of
 * theirs, Kafka is sick: nobody is moved. A broker that died silences all that it replicated, ledgers too, until it is out of the sets in sync.
 */
export function diagnose(
  failed: readonly TopicPartition[],
  all: readonly LedPartition[],
  ledgerTopic: string,
): Diagnosis {
  const names = new Set(failed.map(nameOf));
  const ledger = failed.find(({ topic }) => topic === ledgerTopic);
  if (ledger !== undefined) return { kind: 'sick', why: `the ledger's partition ${nameOf(ledger)} failed` };
  const leaders = new Map<number, boolean>();
  for (const one of all) {
    if (one.leader === null) continue;
    leaders.set(one.leader, (leaders.get(one.leader) ?? true) && names.has(nameOf(one)));
  }
  const silent = [...leaders].flatMap(([leader, dead]) => (dead ? [leader] : []));
  if (silent.length * 2 > leaders.size) {
    return { kind: 'sick', why: `${silent.length} of ${leaders.size} leaders failed: brokers ${silent.join(', ')}` };
  }
  return { kind: 'suspended', topics: [...new Set(failed.map(({ topic }) => topic))] };
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
