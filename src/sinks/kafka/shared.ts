import { Semaphore } from 'async-mutex';
import { OutboxError, isOutboxError } from '../../domain/errors';
import { AnswerError, CODE } from './answer-error';
import { ByteWriter } from './byte-writer';
import { Connections } from './connections';
import { Deadline } from './deadline';
import { asOutboxError } from './failures';
import { CREATION_MS, createTopic, TopicDirectory } from './topic-directory';
import type { KafkaSettings } from './options';

const DAY_MS = 86_400_000;
/** Kafka's default for offsets.retention.minutes; assumed where we may not read a broker's configuration. */
const DEFAULT_RETENTION_MS = 7 * DAY_MS;
const RETENTION_KNOWN_FOR_MS = 600_000;
const BROKER_RESOURCE = 4;
const LEDGER_REPLICAS = 3;
/** Idle buffers of sends. One that grew beyond 4 MiB is not kept. */
const KEPT_WRITERS = 8;
const LOG_READS = 2;
const KEPT_WRITER_BYTES = 4 * 1024 * 1024;

/** What all sessions of a sink share: one lazy connection for questions, what was learned with it, and buffers. */
export class Shared {
  readonly directory: TopicDirectory;
  /** After a broker's end all publishers of the process are in doubt at once: what they read is decoded on its one thread. */
  readonly logReads = new Semaphore(LOG_READS);
  /** False once a broker found a ledger's metadata too long: from then on it holds the batch id only. */
  placesFitLedger = true;
  #connections: Connections | null = null;
  #ledgerReady: Promise<void> | null = null;
  #retention: { readonly ms: number; readonly until: number } | null = null;
  readonly #writers: ByteWriter[] = [];
  #closed = false;

  constructor(readonly settings: KafkaSettings) {
    this.directory = new TopicDirectory(settings, (work) => this.use('asking about topics', work));
  }

  /**
   * Runs `work`, which must be repeatable, with the shared connections. A broken connection is replaced and the work
   * repeated once: brokers close idle connections, and the first to notice is the next request. Rejects with OutboxErrors.
   */
  async use<T>(doing: string, work: (connections: Connections) => Promise<T>): Promise<T> {
    try {
      return await this.#once(work);
    } catch (first) {
      const failure = asOutboxError(first, { phase: 'prepare', doing });
      if (isAnswered(first) || failure.code !== 'KAFKA_UNAVAILABLE' || this.#closed) throw failure;
    }
    try {
      return await this.#once(work);
    } catch (second) {
      throw asOutboxError(second, { phase: 'prepare', doing });
    }
  }

  /** Creates the ledger topic if it is missing. Remembered once it was seen. */
  async ledgerTopic(): Promise<void> {
    this.#ledgerReady ??= this.use('looking for the ledger topic', (connections) => this.#ensureLedger(connections));
    try {
      await this.#ledgerReady;
    } catch (error) {
      this.#ledgerReady = null;
      throw error;
    }
  }

  async ledgerRetentionMs(): Promise<number> {
    if (this.#retention !== null && this.#retention.until > Date.now()) return this.#retention.ms;
    const ms = await this.use('reading the offset retention', async (connections) => {
      const broker = await connections.any();
      const { brokers } = await connections.ask(broker, 'Metadata', {
        topics: [this.settings.ledgerTopic],
        allowAutoTopicCreation: false,
      });
      const nodeId = brokers[0]?.nodeId ?? 0;
      const { resources } = await connections.ask(await connections.byNode(nodeId), 'DescribeConfigs', {
        resources: [{ type: BROKER_RESOURCE, name: String(nodeId), configNames: ['offsets.retention.minutes'] }],
        includeSynonyms: false,
      });
      const [resource] = resources;
      const minutes = Number(resource?.configEntries[0]?.configValue ?? '');
      return resource?.errorCode === 0 && minutes > 0 ? minutes * 60_000 : DEFAULT_RETENTION_MS;
    });
    this.#retention = { ms, until: Date.now() + RETENTION_KNOWN_FOR_MS };
    return ms;
  }

  async reachable(timeoutMs: number): Promise<boolean> {
    const topics = [this.settings.ledgerTopic];
    const asking = this.use('asking for metadata', async (connections) =>
      connections.ask(await connections.any(), 'Metadata', { topics, allowAutoTopicCreation: false }),
    );
    try {
      await new Deadline(timeoutMs).race(asking);
      return true;
    } catch (error) {
      this.settings.logger.debug({ error: String(error) }, 'Kafka cannot be reached');
      return false;
    }
  }

  /** How the ledger topic stands, without making it. */
  async ledgerState(): Promise<{ topic: string; partitions: number; replicas: number }> {
    const topic = this.settings.ledgerTopic;
    const answer = await this.use('looking at the ledger topic', async (connections) =>
      connections.ask(await connections.any(), 'Metadata', { topics: [topic], allowAutoTopicCreation: false }),
    );
    const found = answer.topicMetadata.find((one) => one.topic === topic && one.topicErrorCode === 0);
    const partitions = found?.partitionMetadata ?? [];
    return { topic, partitions: partitions.length, replicas: partitions[0]?.replicas.length ?? 0 };
  }

  /** Lends a buffer for one send. */
  async withWriter<T>(work: (writer: ByteWriter) => Promise<T>): Promise<T> {
    const writer = this.#writers.pop() ?? new ByteWriter();
    try {
      return await work(writer);
    } finally {
      if (this.#writers.length < KEPT_WRITERS && writer.buffer.length <= KEPT_WRITER_BYTES) this.#writers.push(writer);
    }
  }

  close(): void {
    this.#closed = true;
    this.#connections?.destroy();
  }

  async #once<T>(work: (connections: Connections) => Promise<T>): Promise<T> {
    if (this.#closed) throw new OutboxError('SHUTTING_DOWN', 'The Kafka sink is closed; start the process anew.');
    const connections = (this.#connections ??= new Connections(this.settings));
    try {
      return await new Deadline(this.#patienceMs()).race(work(connections));
    } catch (error) {
      if (!isAnswered(error) && this.#connections === connections) {
        this.#connections = null;
        connections.destroy();
      }
      throw error;
    }
  }

  /**
   * A connection, the requests of one question, and the wait for a topic that was just made. Each request has its own time-out; this is
   * for what hangs without one, because all publishers of a worker may wait for the same answer.
   */
  #patienceMs(): number {
    return this.settings.connectionTimeoutMs + 4 * this.settings.requestTimeoutMs + CREATION_MS;
  }

  async #ensureLedger(connections: Connections): Promise<void> {
    const topic = this.settings.ledgerTopic;
    const look = async (): Promise<{ code: number; brokers: number }> => {
      const request = { topics: [topic], allowAutoTopicCreation: false } as const;
      const answer = await connections.ask(await connections.any(), 'Metadata', request);
      const found = answer.topicMetadata.find((one) => one.topic === topic);
      return { code: found?.topicErrorCode ?? CODE.UNKNOWN_TOPIC_OR_PARTITION, brokers: answer.brokers.length };
    };
    const { code, brokers } = await look();
    if (code === 0) return;
    if (code !== CODE.UNKNOWN_TOPIC_OR_PARTITION) throw new AnswerError(code, 'Metadata', topic);
    const refused = await createTopic(connections, topic, 1, Math.min(LEDGER_REPLICAS, brokers));
    if (refused !== null) {
      throw new OutboxError(
        'KAFKA_NOT_AUTHORIZED',
        `The ledger topic "${topic}" is missing and could not be created: ${refused}. Create it with one partition.`,
      );
    }
    this.settings.logger.info({ topic }, 'ledger topic created');
    await new Deadline(this.settings.requestTimeoutMs).retry(
      async () => {
        const { code: now } = await look();
        if (now !== 0) throw new AnswerError(now, 'Metadata', topic);
      },
      (error) => error instanceof AnswerError,
    );
  }
}

/** True if the connection worked: the broker said no, or we did. */
function isAnswered(error: unknown): boolean {
  return error instanceof AnswerError || isOutboxError(error);
}
