import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import type { Broker, Connections } from '../../sinks/kafka/connections';
import type { Deadline } from '../../sinks/kafka/deadline';
import { MalformedAnswerError, isRefusedLogin } from '../../sinks/kafka/failures';
import type { TopicPartitions } from '../../sinks/kafka/protocol';
import type { ProducerIdentity } from '../../sinks/kafka/record-batch';
import { COORDINATOR_BUSY } from '../../sinks/kafka/refusals';
import { describeAt, describeTransaction } from './describe';
import { decisionOf, endTransaction } from './ending';
import type { Decision } from './ending';
import type { DescribedTransaction } from '../wire/describe-transactions';

/** Codes that no waiting mends. */
const FINAL = [
  CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  CODE.CLUSTER_AUTHORIZATION_FAILED,
  CODE.INVALID_TRANSACTION_TIMEOUT,
] as const;

/** A transactional id's producer at its coordinator: the requests that open and end transactions. */
export class Epoch {
  #identity: ProducerIdentity | null = null;
  #coordinator: Broker | null = null;

  constructor(
    private readonly connections: Connections,
    readonly transactionalId: string,
    private readonly transactionTimeoutMs: number,
    /** Makes connections beside those; the owner destroys them. */
    private readonly fresh: () => Connections,
  ) {}

  get identity(): ProducerIdentity {
    if (this.#identity === null) throw new Error('the producer was not initialised');
    return this.#identity;
  }

  /**
   * InitProducerId: fences every older producer of the id and ends what they left open (CONCURRENT_TRANSACTIONS until that is done).
   * From here on the outcome of all their transactions is final. What fails is tried again, unless no waiting mends it: it may always be repeated.
   */
  async initialise(deadline: Deadline): Promise<void> {
    const answer = await this.#atCoordinator(
      deadline,
      (error) => !isAnswer(error, ...FINAL) && !isRefusedLogin(error),
      async (broker) => {
        const got = await this.connections.ask(broker, 'InitProducerId', {
          transactionalId: this.transactionalId,
          transactionTimeout: this.transactionTimeoutMs,
        });
        if (got.errorCode !== 0) throw new AnswerError(got.errorCode, 'InitProducerId');
        return got;
      },
    );
    this.#identity = { producerId: BigInt(answer.producerId), producerEpoch: answer.producerEpoch };
  }

  /**
   * Adds the partitions to a new transaction, which opens it. An AnswerError with a topic is about that topic, and then nothing was
   * opened: the coordinator looks at the topics first.
   */
  async addPartitions(deadline: Deadline, topics: readonly TopicPartitions[]): Promise<void> {
    await this.#atCoordinator(
      deadline,
      (error) => isAnswer(error, ...COORDINATOR_BUSY),
      async (broker) => {
        const { errors } = await this.connections.ask(broker, 'AddPartitionsToTxn', { ...this.#epoch(), topics });
        const named = errors.flatMap(({ topic, partitionErrors }) => partitionErrors.map((one) => ({ topic, ...one })));
        const refused = named.filter(({ errorCode }) => errorCode !== 0);
        // One bad topic makes the coordinator answer OPERATION_NOT_ATTEMPTED for all others.
        const cause = refused.find(({ errorCode }) => errorCode !== CODE.OPERATION_NOT_ATTEMPTED) ?? refused[0];
        if (cause !== undefined) throw new AnswerError(cause.errorCode, 'AddPartitionsToTxn', cause.topic);
        const wanted = topics.reduce((sum, { partitions }) => sum + partitions.length, 0);
        if (named.length !== wanted)
          throw new MalformedAnswerError('the answer to AddPartitionsToTxn does not name all');
      },
    );
  }

  /** The id's last transaction as its coordinator has it; null = the id is unknown there. */
  async described(deadline: Deadline): Promise<DescribedTransaction | null> {
    return this.#atCoordinator(
      deadline,
      (error) => isAnswer(error, ...COORDINATOR_BUSY),
      (broker) => describeAt(this.connections, broker, this.transactionalId),
    );
  }

  /** Ends the open transaction. After `repeated` this epoch must not open another one. */
  async end(deadline: Deadline, commit: boolean): Promise<{ readonly repeated: boolean }> {
    const once = async (connections: Connections): Promise<void> => {
      const broker =
        connections === this.connections
          ? await this.#coordinatorNow()
          : await connections.coordinator(this.transactionalId);
      const { errorCode } = await connections.ask(broker, 'EndTxn', { ...this.#epoch(), transactionResult: commit });
      if (errorCode === 0) return;
      if (errorCode !== CODE.CONCURRENT_TRANSACTIONS) this.#coordinator = null;
      throw new AnswerError(errorCode, 'EndTxn');
    };
    const look = async (): Promise<Decision> => {
      const connections = this.fresh();
      try {
        return decisionOf(await describeTransaction(connections, this.transactionalId, deadline), this.identity);
      } finally {
        connections.destroy();
      }
    };
    return endTransaction(once, this.connections, this.fresh, deadline, commit ? 'committed' : 'aborted', look);
  }

  async #atCoordinator<T>(
    deadline: Deadline,
    again: (error: unknown) => boolean,
    step: (broker: Broker) => Promise<T>,
  ): Promise<T> {
    return deadline.retry(
      async () => step(await this.#coordinatorNow()),
      (error) => {
        if (!isAnswer(error, CODE.CONCURRENT_TRANSACTIONS)) this.#coordinator = null;
        return again(error);
      },
    );
  }

  async #coordinatorNow(): Promise<Broker> {
    return (this.#coordinator ??= await this.connections.coordinator(this.transactionalId));
  }

  #epoch(): { transactionalId: string; producerId: string; producerEpoch: number } {
    const { producerId, producerEpoch } = this.identity;
    return { transactionalId: this.transactionalId, producerId: String(producerId), producerEpoch };
  }
}
