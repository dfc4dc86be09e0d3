import type { OutboxEvent } from '../domain/event';
import type { PlainKey } from '../domain/plain-key';
import { Deadline } from '../sinks/kafka/deadline';
import { withPlainKey } from '../sinks/kafka/partitioner';
import { blockedOf, preflightOf } from '../sinks/kafka/preflight';
import type { Preflight } from '../sinks/kafka/preflight';
import type { TopicPartitions } from '../sinks/kafka/protocol';
import { HeaderRuns } from '../sinks/kafka/record-headers';
import { Shared } from '../sinks/kafka/shared';
import { ensureLedger, ledgerState } from './ledger/ledger-topic';
import type { LedgerState, LedgerTopicOptions } from './ledger/ledger-topic';
import { producerName, relaySettings, relayTransactionalId } from './relay-settings';
import type { RelayKafkaOptions, RelaySettings } from './relay-settings';
import { isWritable, standingOf } from './topic-health';
import type { BlockedTopic, Standing } from './topic-health';
import { describeTransaction } from './transaction/describe';
import { Prober } from './transaction/prober';
import type { ProbeResult } from './transaction/prober';
import { RelayProducer } from './transaction/relay-producer';
import { topicId } from './wire/topic-id';
import type { DescribedTransaction } from './wire/describe-transactions';

/** Of a probe, ms: its partitions have leaders. */
const PROBE_MS = 5_000;

/** Kafka for all relays of a process: settings, one connection for questions, what is known of topics. Nothing is connected until it is used. */
export class RelayKafka {
  readonly #settings: RelaySettings;
  readonly #shared: Shared;
  readonly #runs = new HeaderRuns();
  readonly #producers = new Set<RelayProducer>();

  /** @throws OutboxError CONFIG_INVALID */
  constructor(options: RelayKafkaOptions) {
    this.#settings = relaySettings(options);
    this.#shared = new Shared(this.#settings.kafka);
  }

  get ledgerTopic(): string {
    return this.#settings.kafka.ledgerTopic;
  }

  /** A producer of the relay that is not initialised yet. Whoever opens it destroys it. */
  open(relay: number): RelayProducer {
    for (const known of this.#producers) if (!known.isAlive) this.#producers.delete(known);
    const producer = new RelayProducer(this.#settings, this.#shared.directory, relay, this.#runs);
    this.#producers.add(producer);
    return producer;
  }

  /** Looks at events without sending: limits of size, existence and allowance of topics. Never condemns on an outage. */
  async preflight(events: readonly OutboxEvent[], plainKey: PlainKey | undefined): Promise<Preflight> {
    const { kafka } = this.#settings;
    const longest = producerName(kafka.installId, 9_999, Number.MAX_SAFE_INTEGER);
    const keyStyle = withPlainKey(kafka.keyStyle, plainKey);
    return preflightOf(events, kafka, this.#shared.directory, keyStyle, longest);
  }

  /**
   * Looks anew at topics that took nothing, and answers those that still do not. The right to write shows only in a transaction of its own,
   * which writes nothing; `slot` names its transactional id. Rejects if Kafka does not answer.
   */
  async lookAgain(topics: readonly BlockedTopic[], slot: string): Promise<readonly BlockedTopic[]> {
    const { directory } = this.#shared;
    for (const { topic } of topics) directory.forget(topic);
    const names = topics.map(({ topic }) => topic);
    const blocked = [...(await blockedOf(names, this.#settings.kafka, directory))];
    for (const one of topics) {
      if (one.code !== 'KAFKA_TOPIC_FORBIDDEN' || blocked.some(({ topic }) => topic === one.topic)) continue;
      const writable = await isWritable(directory, one.topic, (partitions) => this.probe(slot, partitions, PROBE_MS));
      if (!writable) blocked.push(one);
    }
    return blocked;
  }

  /** Creates the ledger's topic if it is missing, and checks that it is as the protocol needs it. Rejects with CONFIG_INVALID. */
  async ensureLedger(options: LedgerTopicOptions): Promise<LedgerState> {
    return this.#shared.use('making the ledger', (connections) =>
      ensureLedger(connections, this.ledgerTopic, options, this.#settings.kafka.requestTimeoutMs),
    );
  }

  /** How the ledger's topic stands; null = it is missing. Takes and makes nothing. `wanted`: what it is compared with beside what always holds. */
  async ledgerState(wanted?: LedgerTopicOptions): Promise<LedgerState | null> {
    return this.#shared.use('looking at the ledger', (connections) =>
      ledgerState(connections, this.ledgerTopic, wanted),
    );
  }

  /** The identity of the ledger's topic, which one that was deleted and made anew does not have; null = it is missing. */
  async ledgerId(): Promise<string | null> {
    const found = await this.#shared.use('looking at the ledger', async (connections) =>
      connections.send(await connections.any(), topicId(this.ledgerTopic)),
    );
    return found.id;
  }

  /** How these topics stand by metadata that is `maxAgeMs` old at most; those that are missing or forbidden are left out. */
  async standing(topics: readonly string[], maxAgeMs: number): Promise<ReadonlyMap<string, Standing>> {
    const known = await this.#shared.directory.lookUp(topics, maxAgeMs);
    const found = topics.map((topic) => [topic, standingOf(topic, known.get(topic))] as const);
    return new Map(found.flatMap(([topic, standing]) => (standing === null ? [] : [[topic, standing]])));
  }

  /**
   * An id for probes. `slot` names it: two of one slot fence each other. Whoever makes it destroys it.
   */
  prober(slot: string): Prober {
    const { installation, kafka } = this.#settings;
    return new Prober(kafka, `${installation}.${kafka.installId}.probe-${slot}`);
  }

  /** Whether transactions with these partitions end, by a prober that is not kept. */
  async probe(slot: string, topics: readonly TopicPartitions[], limitMs: number): Promise<ProbeResult> {
    const prober = this.prober(slot);
    try {
      return await prober.probe(topics, limitMs);
    } finally {
      prober.destroy();
    }
  }

  /** The relay's last transaction as its coordinator has it, without taking over; null = it never had one, or it has expired. */
  describeTransaction(relay: number): Promise<DescribedTransaction | null> {
    const { kafka } = this.#settings;
    return this.#shared.use(`describing the transaction of relay ${relay}`, (connections) =>
      describeTransaction(
        connections,
        relayTransactionalId(this.#settings, relay),
        new Deadline(kafka.requestTimeoutMs),
      ),
    );
  }

  /** True if Kafka answers now. Bounded by `timeoutMs`. */
  reachable(timeoutMs: number): Promise<boolean> {
    return this.#shared.reachable(timeoutMs);
  }

  /** Destroys what is open. */
  close(): void {
    for (const producer of this.#producers) producer.destroy();
    this.#producers.clear();
    this.#shared.close();
  }
}
