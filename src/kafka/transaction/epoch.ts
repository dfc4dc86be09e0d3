import { setTimeout as delay } from 'node:timers/promises';
import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import type { Broker, Connections } from '../../sinks/kafka/connections';
import { Deadline, DeadlineError } from '../../sinks/kafka/deadline';
import { MalformedAnswerError } from '../../sinks/kafka/failures';
import type { TopicPartitions } from '../../sinks/kafka/protocol';
import type { ProducerIdentity } from '../../sinks/kafka/record-batch';
import { COORDINATOR_BUSY } from '../../sinks/kafka/refusals';

/** Codes that no waiting mends. */
const FINAL = [
  CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  CODE.CLUSTER_AUTHORIZATION_FAILED,
  CODE.INVALID_TRANSACTION_TIMEOUT,
] as const;
/** An EndTxn without an answer is repeated after this (ms), beside the one before. */
const REPEAT_MS = 1_500;

/** A transactional id's producer at its coordinator: the requests that open and end transactions. */
export class Epoch {
  #identity: ProducerIdentity | null = null;
  #coordinator: Broker | null = null;

  constructor(
    private readonly connections: Connections,
    readonly transactionalId: string,
    private readonly transactionTimeoutMs: number,
  ) {}

  get identity(): ProducerIdentity {
    if (this.#identity === null) throw new Error('the producer was not initialised');
    return this.#identity;
  }

  /**
   * InitProducerId: fences every older producer of the id and ends what they left open (CONCURRENT_TRANSACTIONS until that is done).
   * From here on the outcome of all their transactions is final. Whatever fails is tried again: it may always be repeated.
   */
  async initialise(deadline: Deadline): Promise<void> {
    const answer = await this.#atCoordinator(
      deadline,
      (error) => !isAnswer(error, ...FINAL),
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

  /**
   * Ends the open transaction. The only request that is repeated without an answer: it says the same each time. Resolves with true if it
   * was: then the lost one may still arrive, and this epoch must not open another transaction.
   */
  async end(deadline: Deadline, commit: boolean): Promise<{ readonly repeated: boolean }> {
    let lost = 0;
    const attempts: Promise<Attempt>[] = [];
    for (let wait = 2; ; wait = Math.min(200, wait * 2)) {
      deadline.check();
      attempts.push(this.#endOnce(commit));
      const result = await this.#firstOf(attempts, Math.min(REPEAT_MS, deadline.remaining()));
      if (result === 'silence') lost += 1;
      else if (result.error === null) return { repeated: lost > 0 };
      else {
        attempts.length = 0;
        if (!isAnswer(result.error, ...COORDINATOR_BUSY)) {
          if (result.error instanceof AnswerError) throw result.error;
          lost += 1;
        }
        if (!isAnswer(result.error, CODE.CONCURRENT_TRANSACTIONS)) this.#coordinator = null;
        if (deadline.remaining() < wait) throw result.error;
        await delay(wait);
      }
    }
  }

  /** Settles with the first attempt that has an answer, or with silence after `ms`. */
  async #firstOf(attempts: readonly Promise<Attempt>[], ms: number): Promise<Attempt | 'silence'> {
    try {
      return await new Deadline(ms).race(Promise.race(attempts));
    } catch (error) {
      if (error instanceof DeadlineError) return 'silence';
      throw error;
    }
  }

  /** Never rejects: earlier attempts go on while the next one is under way. */
  async #endOnce(commit: boolean): Promise<Attempt> {
    try {
      const broker = await this.#coordinatorNow();
      const request = { ...this.#epoch(), transactionResult: commit };
      const { errorCode } = await this.connections.ask(broker, 'EndTxn', request);
      return { error: errorCode === 0 ? null : new AnswerError(errorCode, 'EndTxn') };
    } catch (error) {
      return { error };
    }
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
    return (this.#coordinator ??= await this.connections.coordinator('transaction', this.transactionalId));
  }

  #epoch(): { transactionalId: string; producerId: string; producerEpoch: number } {
    const { producerId, producerEpoch } = this.identity;
    return { transactionalId: this.transactionalId, producerId: String(producerId), producerEpoch };
  }
}

interface Attempt {
  /** Null = acknowledged. */
  readonly error: unknown;
}
