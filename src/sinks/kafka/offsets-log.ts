import { AnswerError, CODE } from './answer-error';
import type { Broker, Connections } from './connections';
import type { Deadline } from './deadline';
import { MalformedAnswerError } from './failures';
import type { LedgerLogFold } from './ledger-log-fold';
import { partitionOfGroup } from './offset-record';
import type { FetchedPartition } from './protocol';

/** Where brokers keep committed offsets. */
export const OFFSETS_TOPIC = '__consumer_offsets';
export const LATEST = -1;
export const EARLIEST = -2;
const ANSWER_BYTES = 4 * 1024 * 1024;
const WAIT_MS = 50;

/** The partition of the offsets topic that holds one group. */
export class OffsetsLog {
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
    if (found === undefined) throw emptyAnswer('ListOffsets');
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
    if (fetched === undefined) throw emptyAnswer('Fetch');
    if (fetched.errorCode !== 0) throw new AnswerError(fetched.errorCode, 'Fetch', OFFSETS_TOPIC);
    return fetched;
  }
}

/** Brokers that hold a client back by a quota answer at once, and nothing. */
function emptyAnswer(request: string): AnswerError {
  return new AnswerError(CODE.REQUEST_TIMED_OUT, request, OFFSETS_TOPIC);
}
