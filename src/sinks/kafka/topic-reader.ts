import { Kafka, logLevel } from 'kafkajs';
import type { KafkaConfig } from 'kafkajs';
import Cluster from 'kafkajs/src/cluster';
import socketFactory from 'kafkajs/src/network/socketFactory';
import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, OutboxError } from '../../domain/errors';
import { splitAborted } from './aborted';
import { ATTEMPTS, RETRY_MS, patiently, startPositions } from './reader-positions';
import type { Position } from './reader-positions';

export type AuditedRecord = Cluster.FetchedRecord;

export interface TopicVisitor {
  /** A record that `read_committed` consumers see. Records of one partition arrive in offset order. */
  committed(topic: string, partition: number, record: AuditedRecord): void;
  /** A record that only `read_uncommitted` consumers see. */
  aborted(topic: string, partition: number, record: AuditedRecord): void;
  /** Awaited before more is fetched. */
  answered?(): Promise<void>;
}

/** A partition of which something is still undecided: an open transaction holds the last stable offset back. */
export interface UndecidedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly lastStableOffset: number;
  readonly highWatermark: number;
}

/** Most bytes of one answer, and of one partition in it: bounds memory while a large log is read. */
export interface AnswerBytes {
  readonly whole: number;
  readonly partition: number;
}

const ANSWER_BYTES: AnswerBytes = { whole: 16 * 1024 * 1024, partition: 4 * 1024 * 1024 };

/**
 * Reads topics from their start (or from the first record that is not older than `sinceMs`) to their end by plain Fetch requests: no consumer group, nothing committed, and the end is
 * known (a group consumer cannot tell "nothing more" from "only aborted records and markers are left").
 * The requests are `read_committed` and the broker answers such a request with aborted records too, naming their
 * transactions, so one pass tells what each kind of consumer sees.
 */
export class TopicReader {
  readonly #positions: Position[] = [];

  private constructor(
    private readonly cluster: Cluster,
    private readonly visitor: TopicVisitor,
    positions: readonly Position[],
    private readonly bytes: AnswerBytes,
  ) {
    this.#positions = [...positions];
  }

  /** Topics that do not exist are skipped: their events will be found missing. Rejects with KAFKA_UNAVAILABLE. */
  static async open(
    config: KafkaConfig,
    topics: readonly string[],
    visitor: TopicVisitor,
    { sinceMs, bytes = ANSWER_BYTES }: { readonly sinceMs?: number; readonly bytes?: AnswerBytes } = {},
  ): Promise<TopicReader> {
    const retry = { retries: 4, initialRetryTime: 100, maxRetryTime: 2_000 };
    // A copy: kafkajs writes its authenticator into it, and the caller's may be frozen.
    const sasl = config.sasl && { sasl: { ...config.sasl } };
    const settings: KafkaConfig = { connectionTimeout: 3_000, retry, ...config, ...sasl, logLevel: logLevel.NOTHING };
    const kafka = new Kafka(settings);
    const cluster = new Cluster({
      ...settings,
      logger: kafka.logger(),
      socketFactory: settings.socketFactory ?? socketFactory(),
      requestTimeout: 15_000,
      enforceRequestTimeout: true,
      metadataMaxAge: 300_000,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
    });
    try {
      const positions = await patiently(() => startPositions(kafka, topics, sinceMs));
      await cluster.connect();
      if (positions.length > 0)
        await cluster.addMultipleTargetTopics([...new Set(positions.map(({ topic }) => topic))]);
      return new TopicReader(cluster, visitor, positions, bytes);
    } catch (error) {
      await cluster.disconnect();
      throw unreachable(error);
    }
  }

  /** Moves the end to where each partition ends now; the next `readToEnd` reads up to there. */
  extend(): void {
    for (const position of this.#positions) position.end = null;
  }

  /**
   * Reads each partition to its high watermark as of the first answer. Waits at most `undecidedMs` for open transactions
   * in between and returns the partitions where one remains.
   */
  async readToEnd(undecidedMs: number): Promise<UndecidedPartition[]> {
    const deadline = Date.now() + undecidedMs;
    for (;;) {
      const open = this.#positions.filter((position) => position.end === null || position.next < position.end);
      if (open.length === 0) return [];
      const held = open.every((position) => position.end !== null && position.next >= position.lastStable);
      if (held && Date.now() >= deadline) return open.map(undecided);
      await this.#fetch(open, held ? 100 : 20);
      await this.visitor.answered?.();
    }
  }

  async close(): Promise<void> {
    await this.cluster.disconnect();
  }

  async #fetch(open: readonly Position[], maxWaitTime: number): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await Promise.all(
          [...this.#byLeader(open)].map(([nodeId, group]) => this.#fetchFrom(nodeId, group, maxWaitTime)),
        );
        return;
      } catch (error) {
        // A leader moved or a broker restarts: positions only advance with records handed on, so asking again is safe.
        if (attempt === ATTEMPTS) throw unreachable(error);
        await delay(RETRY_MS);
        await this.cluster.refreshMetadata().catch((refresh: unknown) => {
          if (attempt >= ATTEMPTS - 1) throw unreachable(refresh);
        });
      }
    }
  }

  #byLeader(open: readonly Position[]): Map<string, Position[]> {
    const groups = new Map<string, Position[]>();
    for (const position of open) {
      const [leader] = Object.keys(this.cluster.findLeaderForPartitions(position.topic, [position.partition]));
      if (leader === undefined) throw new Error(`no leader for ${position.topic}/${position.partition}`);
      groups.set(leader, [...(groups.get(leader) ?? []), position]);
    }
    return groups;
  }

  async #fetchFrom(nodeId: string, group: readonly Position[], maxWaitTime: number): Promise<void> {
    const broker = await this.cluster.findBroker({ nodeId });
    const request = group.map(({ topic, partition, next }) => ({
      topic,
      partitions: [{ partition, fetchOffset: String(next), maxBytes: this.bytes.partition }],
    }));
    const answer = await broker.fetch({
      isolationLevel: 1,
      maxWaitTime,
      minBytes: 1,
      maxBytes: this.bytes.whole,
      topics: request,
    });
    const fetched = answer.responses.flatMap(({ topicName, partitions }) =>
      partitions.map((one) => ({ topicName, one })),
    );
    const isFull = fetched.some(({ one }) => one.messages.length > 0);
    for (const { topicName, one } of fetched) {
      const position = group.find(({ topic, partition }) => topic === topicName && partition === one.partition);
      if (position !== undefined) this.#take(position, one, isFull);
    }
  }

  /** `isFull`: the answer holds records of some partition, so that of this one there may just have been no room. */
  #take(position: Position, fetched: Cluster.FetchedPartition, isFull: boolean): void {
    position.end ??= Number(fetched.highWatermark);
    position.lastStable = Number(fetched.lastStableOffset);
    const records = fetched.messages.filter((record) => Number(record.offset) >= position.next);
    const { committed, aborted } = splitAborted(records, fetched.abortedTransactions);
    for (const record of committed) this.visitor.committed(position.topic, position.partition, record);
    for (const record of aborted) this.visitor.aborted(position.topic, position.partition, record);
    const last = fetched.messages.at(-1)?.batchContext;
    const after = last === undefined ? position.next : Number(last.firstOffset) + last.lastOffsetDelta + 1;
    // A compacted log keeps record-less batches that decode to nothing: step over one offset when a stable stretch stays empty.
    // Only where there was room: partitions that four large ones before them had left none for were stepped over too, and the
    // first two events of one were found missing.
    if (after > position.next || position.next >= position.lastStable) position.emptyAnswers = 0;
    else if (!isFull) position.emptyAnswers += 1;
    position.next = position.emptyAnswers >= 3 ? position.next + 1 : Math.max(position.next, after);
  }
}

function undecided({ topic, partition, lastStable, end }: Position): UndecidedPartition {
  return { topic, partition, lastStableOffset: lastStable, highWatermark: end ?? lastStable };
}

function unreachable(error: unknown): OutboxError {
  return new OutboxError(
    'KAFKA_UNAVAILABLE',
    `Kafka cannot be read: ${errorMessage(error)}. Check the brokers' addresses and rights.`,
    {
      cause: error,
    },
  );
}
