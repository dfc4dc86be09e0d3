import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../domain/errors';
import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import { Connections } from '../../sinks/kafka/connections';
import { Deadline } from '../../sinks/kafka/deadline';
import { asOutboxError } from '../../sinks/kafka/failures';
import type { KafkaSettings } from '../../sinks/kafka/options';
import type { TopicPartitions } from '../../sinks/kafka/protocol';
import { isComplete } from './describe';
import { Epoch } from './epoch';

/** Between looks whether the markers are written, ms: twice as long each time. */
const FIRST_LOOK_MS = 1;
const MOST_LOOK_MS = 10;
/** What is left for a look and its answer before the limit, ms. */
const LOOK_TAKES_MS = 200;

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/**
 * clear     each partition took its marker: a transaction with it ends
 * pending   these have not taken theirs: a transaction with one of them would not end. The probe's id is in use until they have
 * busy      the id of the probe still waits for the partitions of an earlier one
 * refused   the coordinator does not take this topic, or the right to it is lacking; nothing was opened
 */
export type ProbeResult =
  | { readonly kind: 'clear' | 'busy' }
  | { readonly kind: 'pending'; readonly partitions: readonly PartitionName[] }
  | { readonly kind: 'refused'; readonly topic: string; readonly code: ErrorCode; readonly reason: string };

/**
 * A transactional id that does nothing but probe, one probe at a time:
 *
 *   cold ── InitProducerId ──→ ready ── partitions added and aborted ──→ ready, or hanging until every marker is written ──→ ready
 *     └───────────── any failure, an EndTxn that was repeated ──────────────────────┘
 *
 * A hanging one keeps its coordinator busy, so its partitions are not to be probed by another id meanwhile.
 */
export class Prober {
  #opened: Connections[] = [];
  #epoch: Epoch | null = null;
  #hangs = false;

  constructor(
    private readonly settings: KafkaSettings,
    private readonly transactionalId: string,
  ) {}

  /** True once a probe found a partition pending, until one finds the id free again. */
  get hangs(): boolean {
    return this.#hangs;
  }

  /**
   * Adds the partitions to a transaction and aborts it: writes nothing but markers, so consumers see nothing. Only with partitions that
   * have a leader by fresh metadata. `onLook` hears which still lack their marker. Rejects with an OutboxError if Kafka does not answer:
   * then nothing was learned.
   */
  async probe(
    topics: readonly TopicPartitions[],
    limitMs: number,
    onLook: (pending: readonly PartitionName[]) => void = () => undefined,
  ): Promise<ProbeResult> {
    const deadline = new Deadline(limitMs);
    const isWarm = this.#epoch !== null;
    try {
      return await deadline.race(this.#probe(topics, deadline, onLook));
    } catch (error) {
      this.destroy();
      // Brokers close connections that were idle, and another process may have the id: the first to notice is the next request.
      if (isWarm && deadline.remaining() > limitMs / 2) return this.probe(topics, deadline.remaining(), onLook);
      throw asOutboxError(error, { phase: 'prepare', doing: 'probing partitions' });
    }
  }

  /** Makes the id ready; what fails is left to the probe. */
  async warm(limitMs: number): Promise<void> {
    const deadline = new Deadline(limitMs);
    await deadline.race(this.#ready(deadline)).catch(() => this.destroy());
  }

  /** Closes the sockets; the next probe begins anew. */
  destroy(): void {
    for (const one of this.#opened) one.destroy();
    this.#opened = [];
    this.#epoch = null;
  }

  async #probe(
    topics: readonly TopicPartitions[],
    deadline: Deadline,
    onLook: (pending: readonly PartitionName[]) => void,
  ): Promise<ProbeResult> {
    const epoch = await this.#ready(deadline);
    if (epoch === null) return { kind: 'busy' };
    try {
      await epoch.addPartitions(deadline, topics);
    } catch (error) {
      if (error instanceof AnswerError && error.topic !== undefined && isAnswer(error, ...OF_TOPICS))
        return refusal(error, error.topic);
      throw error;
    }
    this.#hangs = true;
    const { repeated } = await epoch.end(deadline, false);
    for (let wait = FIRST_LOOK_MS; ; wait = Math.min(MOST_LOOK_MS, wait * 2)) {
      await delay(wait);
      const now = await epoch.described(deadline);
      if (now === null || isComplete(now)) break;
      onLook(now.partitions);
      if (deadline.remaining() < LOOK_TAKES_MS) return { kind: 'pending', partitions: now.partitions };
    }
    this.#hangs = false;
    // A lost EndTxn may still arrive and would end the next one.
    if (repeated) this.destroy();
    return { kind: 'clear' };
  }

  /** Null while the id waits for the markers of an earlier probe, be it another process's. */
  async #ready(deadline: Deadline): Promise<Epoch | null> {
    const known = this.#epoch;
    if (known !== null && !this.#hangs) return known;
    const epoch = known ?? this.#open();
    const before = await epoch.described(deadline);
    this.#hangs = before !== null && !isComplete(before) && before.state !== 'Ongoing';
    if (this.#hangs) {
      if (known === null) this.destroy();
      return null;
    }
    if (known === null) await epoch.initialise(deadline);
    this.#epoch = epoch;
    return epoch;
  }

  #open(): Epoch {
    const connect = (): Connections => {
      const connections = new Connections(this.settings);
      this.#opened.push(connections);
      return connections;
    };
    return new Epoch(connect(), this.transactionalId, this.settings.transactionTimeoutMs, connect);
  }
}

const OF_TOPICS = [CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.INVALID_TOPIC, CODE.TOPIC_AUTHORIZATION_FAILED] as const;

function refusal(error: AnswerError, topic: string): ProbeResult {
  const { code, message } = asOutboxError(error, { phase: 'prepare', doing: `probing topic "${topic}"` });
  return { kind: 'refused', topic, code, reason: message };
}
