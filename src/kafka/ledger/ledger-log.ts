import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import type { Broker, Connections } from '../../sinks/kafka/connections';
import type { Deadline } from '../../sinks/kafka/deadline';
import { MalformedAnswerError } from '../../sinks/kafka/failures';
import type { FetchedPartition } from '../../sinks/kafka/protocol';
import { LEADER_MOVED } from '../../sinks/kafka/refusals';

const EARLIEST = -2;
const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;
const WAIT_MS = 50;
const ANSWER_BYTES = 1024 * 1024;
/** Brokers that hold a client back by a quota answer at once, and nothing: taken for a time-out. */
const MAY_PASS = [...LEADER_MOVED, CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.REQUEST_TIMED_OUT];

/** One partition of the ledger at its leader, which is looked for anew when it moves. */
export class LedgerLog {
  #leader: Broker | null = null;

  constructor(
    private readonly connections: Connections,
    readonly place: { readonly topic: string; readonly partition: number },
  ) {}

  /** The offset of the oldest record that is kept. */
  async start(deadline: Deadline): Promise<number> {
    const { topic, partition } = this.place;
    return this.#atLeader(deadline, async (leader) => {
      const { responses } = await this.connections.ask(leader, 'ListOffsets', {
        replicaId: -1,
        isolationLevel: READ_UNCOMMITTED,
        topics: [{ topic, partitions: [{ partition, timestamp: EARLIEST }] }],
      });
      const found = only(responses, 'ListOffsets', topic);
      const start = Number(found.offset);
      if (!Number.isSafeInteger(start) || start < 0)
        throw new MalformedAnswerError(`${topic}/${partition} has no start`);
      return start;
    });
  }

  /** What follows `offset`, up to the last stable offset: may be nothing. */
  async fetch(offset: number, deadline: Deadline): Promise<FetchedPartition> {
    const { topic, partition } = this.place;
    return this.#atLeader(deadline, async (leader) => {
      const { responses } = await this.connections.ask(leader, 'Fetch', {
        isolationLevel: READ_COMMITTED,
        maxWaitTime: WAIT_MS,
        minBytes: 1,
        maxBytes: ANSWER_BYTES,
        topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: ANSWER_BYTES }] }],
      });
      return only(responses, 'Fetch', topic);
    });
  }

  async #atLeader<T>(deadline: Deadline, step: (leader: Broker) => Promise<T>): Promise<T> {
    return deadline.retry(
      async () => step((this.#leader ??= await this.#find())),
      (error) => {
        // A question may be repeated after any failure but a definite no.
        this.#leader = null;
        return error instanceof AnswerError ? isAnswer(error, ...MAY_PASS) : !(error instanceof MalformedAnswerError);
      },
    );
  }

  async #find(): Promise<Broker> {
    const { topic, partition } = this.place;
    const request = { topics: [topic], allowAutoTopicCreation: false } as const;
    const answer = await this.connections.ask(await this.connections.any(), 'Metadata', request);
    const found = answer.topicMetadata.find((one) => one.topic === topic);
    const code = found?.topicErrorCode ?? CODE.UNKNOWN_TOPIC_OR_PARTITION;
    if (code !== 0) throw new AnswerError(code, 'Metadata', topic);
    const leader = found?.partitionMetadata.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
    if (leader < 0) throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', topic);
    return this.connections.byNode(leader);
  }
}

interface Named {
  readonly errorCode: number;
}

function only<T extends Named>(
  responses: readonly { readonly partitions: readonly T[] }[],
  request: string,
  topic: string,
): T {
  const [found] = responses.flatMap(({ partitions }) => partitions);
  if (found === undefined) throw new AnswerError(CODE.REQUEST_TIMED_OUT, request, topic);
  if (found.errorCode !== 0) throw new AnswerError(found.errorCode, request, topic);
  return found;
}
