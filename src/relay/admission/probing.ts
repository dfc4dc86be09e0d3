import type { ErrorCode } from '../../domain/errors';
import type { RelayKafka } from '../../kafka/relay-kafka';
import type { Prober } from '../../kafka/transaction/prober';

/** Kafka's own limit for a relay's Produce: a marker that takes longer would be waited for by all. */
const LIMIT_MS = 2_500;
/** Ids that may hang at the same time: each costs its coordinator half a core. */
const PROBERS = 4;

/**
 * clear    every partition took the marker
 * hung     one did not; it is not to be probed again while it hangs
 * unsure   nothing was learned of it, or, with a code, it is missing or the right to it is lacking
 */
export type Verdict = 'clear' | 'hung' | 'unsure';

/** The ids with which one worker probes topics. */
export class Probing {
  readonly #probers: Prober[] = [];
  readonly #inUse = new Set<Prober>();
  #slot: number | null = null;

  constructor(private readonly kafka: RelayKafka) {}

  /** A relay that this worker holds: no other worker probes by its number meanwhile. The first probe finds its id ready. */
  use(relay: number): void {
    if (this.#slot !== null) return;
    this.#slot = relay;
    const prober = this.#free();
    if (prober === null) return;
    this.#inUse.add(prober);
    void prober.warm(LIMIT_MS).finally(() => this.#inUse.delete(prober));
  }

  get isReady(): boolean {
    return this.#slot !== null;
  }

  /** Probes all partitions of these topics in one transaction. `decided` hears of each topic as soon as it is known, and of each once. */
  async probe(
    topics: ReadonlyMap<string, number>,
    decided: (topic: string, verdict: Verdict, why: string, code: ErrorCode | null) => void,
  ): Promise<void> {
    const open = new Set(topics.keys());
    const decide = (topic: string, verdict: Verdict, why = '', code: ErrorCode | null = null): void => {
      if (open.delete(topic)) decided(topic, verdict, why, code);
    };
    try {
      for (let tries = 0; open.size > 0 && tries <= topics.size + PROBERS; tries += 1) {
        const prober = this.#free();
        if (prober === null) break;
        const asked = [...open].map((topic) => ({ topic, partitions: numbers(topics.get(topic) ?? 0) }));
        this.#inUse.add(prober);
        const result = await prober
          .probe(asked, LIMIT_MS, (pending) => {
            const waits = new Set(pending.map(({ topic }) => topic));
            for (const topic of [...open]) if (!waits.has(topic)) decide(topic, 'clear');
          })
          .finally(() => this.#inUse.delete(prober));
        if (result.kind === 'clear') for (const topic of [...open]) decide(topic, 'clear');
        if (result.kind === 'pending') {
          for (const { topic, partition } of result.partitions) {
            const why = `Partition ${partition} of topic "${topic}" took no marker of a transaction within ${LIMIT_MS} ms. Check the brokers that hold it.`;
            decide(topic, 'hung', why);
          }
          for (const topic of [...open]) decide(topic, 'clear');
        }
        // Nothing was opened; the others are asked again without it.
        if (result.kind === 'refused') decide(result.topic, 'unsure', result.reason, result.code);
      }
    } finally {
      for (const topic of [...open]) decide(topic, 'unsure');
    }
  }

  destroy(): void {
    for (const prober of this.#probers) prober.destroy();
  }

  /** The first that is not known to hang, else those that hang in turns: they find out when they are free again. Null = all are in use. */
  #free(): Prober | null {
    const idle = this.#probers.filter((prober) => !this.#inUse.has(prober));
    const free = idle.find(({ hangs }) => !hangs);
    if (free !== undefined) return free;
    if (this.#slot !== null && this.#probers.length < PROBERS) {
      const prober = this.kafka.prober(`admission-${this.#slot}-${this.#probers.length}`);
      this.#probers.push(prober);
      return prober;
    }
    const first = idle[0];
    if (first === undefined) return null;
    this.#probers.splice(this.#probers.indexOf(first), 1);
    this.#probers.push(first);
    return first;
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
