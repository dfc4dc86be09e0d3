import { randomUUID } from 'node:crypto';
import { AnswerError, CODE, isAnswer } from './answer-error';
import type { Broker, Connections } from './connections';
import { DeadlineError } from './deadline';
import type { Deadline } from './deadline';
import { MalformedAnswerError } from './failures';
import { LedgerLogFold } from './ledger-log-fold';
import { partitionOfGroup } from './offset-record';
import type { OffsetKey, OffsetValue } from './offset-record';
import type { FetchedPartition } from './protocol';

/** Where brokers keep committed offsets. */
const OFFSETS_TOPIC = '__consumer_offsets';
const LATEST = -1;
const EARLIEST = -2;
const ANSWER_BYTES = 4 * 1024 * 1024;
const WAIT_MS = 50;
/** Beyond the age that is asked for: by this much two clocks may drift, or be set, while a batch is unsettled. */
const MARGIN_MS = 60_000;

export type LoggedLedger =
  | { readonly kind: 'read'; readonly entry: OffsetValue | null }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface LedgerLogRequest {
  readonly ledger: OffsetKey;
  /** How far back the first record lies that matters, ms; Infinity = read all. */
  readonly ageMs: number;
  /** Writes the barrier: a ledger entry with this metadata in this session's own transaction, which is never committed. */
  readonly writeBarrier: (metadata: string) => Promise<void>;
}

/**
 * What the log itself says of a ledger, not the coordinator that has loaded it. The clocks of Postgres and the brokers need not agree:
 * the age is counted back from the barrier's own time.
 */
export async function readLedgerLog(
  connections: Connections,
  request: LedgerLogRequest,
  deadline: Deadline,
): Promise<LoggedLedger> {
  const { ledger, ageMs } = request;
  // As long as a batch's: no broker that takes those refuses it for its length.
  const barrier = `0 ${randomUUID()}`;
  const opened = await reading(async () => {
    const log = await OffsetsLog.open(connections, ledger.group);
    return { log, end: await log.offsetAt(LATEST) };
  });
  if (opened.kind === 'unreadable') return opened;
  const { log, end } = opened.value;
  await request.writeBarrier(barrier);
  const read = await reading(async () => {
    const barrierMs = await log.read(end, new LedgerLogFold(ledger, barrier), deadline);
    const wanted = Math.floor(barrierMs - ageMs - MARGIN_MS);
    const start = await log.offsetAt(wanted > 0 ? wanted : EARLIEST);
    const fold = new LedgerLogFold(ledger, barrier);
    await log.read(start, fold, deadline);
    return fold.result();
  });
  return read.kind === 'unreadable' ? read : { kind: 'read', entry: read.value };
}

/** Null if the log of a group's ledger may be read, else why not. For doctor: writes nothing. */
export async function whyLogUnreadable(connections: Connections, group: string): Promise<string | null> {
  const tried = await reading(async () => {
    const log = await OffsetsLog.open(connections, group);
    await log.fetch(await log.offsetAt(LATEST));
  });
  return tried.kind === 'unreadable' ? tried.reason : null;
}

type Unreadable = Extract<LoggedLedger, { kind: 'unreadable' }>;

async function reading<T>(work: () => Promise<T>): Promise<Unreadable | { readonly kind: 'done'; readonly value: T }> {
  try {
    return { kind: 'done', value: await work() };
  } catch (error) {
    const reason = whyUnreadable(error);
    if (reason === null) throw error;
    return { kind: 'unreadable', reason };
  }
}

/** Null for what may pass by itself: then the caller fails as at any other answer. */
function whyUnreadable(error: unknown): string | null {
  const remedy = 'Grant Read and Describe on it, else the coordinator alone is asked.';
  if (isAnswer(error, CODE.TOPIC_AUTHORIZATION_FAILED, CODE.UNKNOWN_TOPIC_OR_PARTITION))
    return `topic ${OFFSETS_TOPIC} cannot be read: ${error.message}. ${remedy}`;
  if (error instanceof MalformedAnswerError || error instanceof DeadlineError || error instanceof RangeError)
    return `topic ${OFFSETS_TOPIC} could not be read to the end: ${error.message}. The coordinator alone is asked.`;
  // kafkajs decompresses gzip only, and brokers may be told to compress this topic.
  if (error instanceof Error && error.name === 'KafkaJSNotImplemented')
    return `topic ${OFFSETS_TOPIC} cannot be read: ${error.message}. Leave offsets.topic.compression.codec at its default.`;
  return null;
}

/** The partition of the offsets topic that holds one group. */
class OffsetsLog {
  private constructor(
    private readonly connections: Connections,
    private readonly leader: Broker,
    private readonly partition: number,
  ) {}

  static async open(connections: Connections, group: string): Promise<OffsetsLog> {
    const { topicMetadata } = await connections.ask(await connections.any(), 'Metadata', {
      topics: [OFFSETS_TOPIC],
      allowAutoTopicCreation: false,
    });
    const topic = topicMetadata.find((one) => one.topic === OFFSETS_TOPIC);
    const code = topic?.topicErrorCode ?? CODE.UNKNOWN_TOPIC_OR_PARTITION;
    if (topic === undefined || code !== 0) throw new AnswerError(code, 'Metadata', OFFSETS_TOPIC);
    const partition = partitionOfGroup(group, topic.partitionMetadata.length);
    const leader = topic.partitionMetadata.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
    if (leader < 0) throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', OFFSETS_TOPIC);
    return new OffsetsLog(connections, await connections.byNode(leader), partition);
  }

  /** The first offset that is not older than `timestamp` (ms since epoch, or EARLIEST or LATEST). */
  async offsetAt(timestamp: number): Promise<number> {
    const { responses } = await this.connections.ask(this.leader, 'ListOffsets', {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ topic: OFFSETS_TOPIC, partitions: [{ partition: this.partition, timestamp }] }],
    });
    const [found] = responses.flatMap(({ partitions }) => partitions);
    if (found === undefined) throw new MalformedAnswerError('the answer to ListOffsets is empty');
    if (found.errorCode !== 0) throw new AnswerError(found.errorCode, 'ListOffsets', OFFSETS_TOPIC);
    const offset = Number(found.offset);
    if (offset >= 0) return offset;
    if (timestamp === EARLIEST) throw new MalformedAnswerError(`partition ${this.partition} has no start`);
    // Nothing is that young, although the barrier was: the broker's clock was set back.
    return this.offsetAt(EARLIEST);
  }

  /** Feeds records to `target` until it has seen its barrier, and answers the barrier's time (ms since epoch). */
  async read(from: number, target: LedgerLogFold, deadline: Deadline): Promise<number> {
    for (let next = from; ;) {
      deadline.check();
      const { messages, highWatermark } = await this.fetch(next);
      for (const record of messages) {
        target.take(record);
        if (target.isComplete) return Number(record.timestamp);
      }
      const last = messages.at(-1)?.batchContext;
      if (last !== undefined) next = Math.max(next, Number(last.firstOffset) + last.lastOffsetDelta + 1);
      // A cleaned log keeps batches without records, which decode to nothing.
      else if (next < Number(highWatermark)) next += 1;
      else throw new MalformedAnswerError(`partition ${this.partition} does not hold what was just written`);
    }
  }

  async fetch(offset: number): Promise<FetchedPartition> {
    const { responses } = await this.connections.ask(this.leader, 'Fetch', {
      isolationLevel: 0,
      maxWaitTime: WAIT_MS,
      minBytes: 1,
      maxBytes: ANSWER_BYTES,
      topics: [
        {
          topic: OFFSETS_TOPIC,
          partitions: [{ partition: this.partition, fetchOffset: String(offset), maxBytes: ANSWER_BYTES }],
        },
      ],
    });
    const [fetched] = responses.flatMap(({ partitions }) => partitions);
    if (fetched === undefined) throw new MalformedAnswerError('the answer to Fetch is empty');
    if (fetched.errorCode !== 0) throw new AnswerError(fetched.errorCode, 'Fetch', OFFSETS_TOPIC);
    return fetched;
  }
}
