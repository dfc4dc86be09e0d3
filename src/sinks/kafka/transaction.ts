import { AnswerError, CODE, isAnswer } from './answer-error';
import type { ByteWriter } from './byte-writer';
import type { Broker, Connections, OwnRequest } from './connections';
import type { Deadline } from './deadline';
import { MalformedAnswerError } from './failures';
import type { KafkaSettings } from './options';
import { readLedgerLog } from './ledger-log';
import type { LoggedLedger } from './ledger-log';
import { offsetFetch } from './offset-fetch';
import type { CommittedOffset } from './offset-fetch';
import { writeProduceRequest } from './produce-request';
import type { TopicPartitions } from './protocol';
import type { ProducerIdentity } from './record-batch';
import { COORDINATOR_BUSY, LEADER_MOVED, UNREACHED } from './refusals';
import { Sequences } from './sequences';

const LEDGER_PARTITION = 0;

export interface TransactionIds {
  readonly transactionalId: string;
  readonly ledgerGroup: string;
}

/**
 * The requests of one transactional producer, each sent once over the session's own connections. It retries only answers
 * that say that nothing was done, and only until the deadline; after anything else its owner throws it away with the epoch.
 */
export class TransactionClient {
  #identity: ProducerIdentity | null = null;
  readonly #sequences = new Sequences();
  #transactionCoordinator: Broker | null = null;
  #groupCoordinator: Broker | null = null;

  constructor(
    private readonly connections: Connections,
    private readonly settings: KafkaSettings,
    private readonly ids: TransactionIds,
  ) {}

  /**
   * InitProducerId with the transactional id: fences every older producer of it, and aborts what they left open (the
   * answer is CONCURRENT_TRANSACTIONS until that is done). From here on the outcome of all their transactions is final.
   */
  async initialise(deadline: Deadline): Promise<void> {
    const answer = await this.#atTransactionCoordinator(deadline, async (broker) => {
      const got = await this.connections.ask(broker, 'InitProducerId', {
        transactionalId: this.ids.transactionalId,
        transactionTimeout: this.settings.transactionTimeoutMs,
      });
      if (got.errorCode !== 0) throw new AnswerError(got.errorCode, 'InitProducerId');
      return got;
    });
    this.#identity = { producerId: BigInt(answer.producerId), producerEpoch: answer.producerEpoch };
    this.#sequences.reset();
  }

  /**
   * Finds the ledger's coordinator, which a fresh broker first has to create (COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR):
   * waited for here, before there is a transaction that would have to wait for it.
   */
  async findLedger(deadline: Deadline): Promise<void> {
    await deadline.retry(
      async () => {
        this.#groupCoordinator = await this.connections.coordinator('group', this.ids.ledgerGroup);
      },
      (error) => isAnswer(error, ...COORDINATOR_BUSY),
    );
  }

  /** The ledger's offset and metadata, stable: no transaction that was decided before this call can still change them. */
  committedLedger(deadline: Deadline): Promise<CommittedOffset> {
    const request = this.#ledgerRequest(true);
    return deadline.retry(
      async () => {
        this.#groupCoordinator ??= await this.connections.coordinator('group', this.ids.ledgerGroup);
        return this.connections.send(this.#groupCoordinator, request);
      },
      (error) => {
        this.#groupCoordinator = null;
        return isAnswer(error, ...COORDINATOR_BUSY, CODE.UNSTABLE_OFFSET_COMMIT);
      },
    );
  }

  /**
   * The ledger beside the open transaction: asked of the coordinator that acknowledged its ledger write, so of one that leads the
   * partition. Never of another one, which may have loaded less.
   */
  async ledgerBesideTransaction(): Promise<CommittedOffset> {
    if (this.#groupCoordinator === null) throw new MalformedAnswerError("the ledger's coordinator was lost");
    return this.connections.send(this.#groupCoordinator, this.#ledgerRequest(false));
  }

  /** The ledger as its log has it. Opens a transaction for the barrier, whose entry has the number `seq`. */
  ledgerInLog(deadline: Deadline, seq: number, ageMs: number): Promise<LoggedLedger> {
    const request = {
      ledger: { group: this.ids.ledgerGroup, topic: this.settings.ledgerTopic, partition: LEDGER_PARTITION },
      ageMs,
      writeBarrier: async (metadata: string) => {
        await this.addLedger(deadline);
        await this.writeLedger(deadline, seq, metadata);
      },
    };
    return readLedgerLog(this.connections, request, deadline);
  }

  /** Adds the partitions to a new transaction, which opens it. */
  async addPartitions(deadline: Deadline, topics: readonly TopicPartitions[]): Promise<void> {
    await this.#atTransactionCoordinator(deadline, async (broker) => {
      const { errors } = await this.connections.ask(broker, 'AddPartitionsToTxn', { ...this.#epoch(), topics });
      const refused = errors.flatMap(({ topic, partitionErrors }) =>
        partitionErrors.filter(({ errorCode }) => errorCode !== 0).map(({ errorCode }) => ({ topic, errorCode })),
      );
      // One bad topic makes the coordinator answer OPERATION_NOT_ATTEMPTED for all others.
      const cause = refused.find(({ errorCode }) => errorCode !== CODE.OPERATION_NOT_ATTEMPTED) ?? refused[0];
      if (cause !== undefined) throw new AnswerError(cause.errorCode, 'AddPartitionsToTxn', cause.topic);
    });
  }

  /** Adds the ledger's group to the open transaction. */
  async addLedger(deadline: Deadline): Promise<void> {
    await this.#atTransactionCoordinator(deadline, async (broker) => {
      const answer = await this.connections.ask(broker, 'AddOffsetsToTxn', {
        ...this.#epoch(),
        groupId: this.ids.ledgerGroup,
      });
      if (answer.errorCode !== 0) throw new AnswerError(answer.errorCode, 'AddOffsetsToTxn');
    });
  }

  /**
   * Sends one record batch to one partition and returns its base offset. `writeBatch` appends it for the given identity
   * and returns its record count; after a definite refusal it is called again, with the same sequence.
   */
  async produce(
    deadline: Deadline,
    target: { readonly topic: string; readonly partition: number; readonly leader: () => Promise<number> },
    writer: ByteWriter,
    writeBatch: (identity: ProducerIdentity & { readonly firstSequence: number }) => number,
  ): Promise<{ readonly baseOffset: number; readonly count: number }> {
    const { topic, partition } = target;
    const { transactionalId } = this.ids;
    const timeoutMs = this.settings.requestTimeoutMs;
    return deadline.retry(
      async () => {
        const broker = await this.#leaderBroker(await target.leader(), topic);
        const identity = { ...this.#current(), firstSequence: this.#sequences.next(topic, partition) };
        let count = 0;
        const answer = await this.connections.produce(broker, () => {
          writer.position = 0;
          count = writeProduceRequest(writer, { transactionalId, topic, partition, timeoutMs }, () =>
            writeBatch(identity),
          );
          return writer.written();
        });
        const [named, ...others] = answer.topics.flatMap(({ topicName, partitions }) =>
          partitions.map((one) => ({ ...one, topicName })),
        );
        if (named?.topicName !== topic || named.partition !== partition || others.length > 0) {
          throw new MalformedAnswerError(`the answer to Produce does not name exactly ${topic}/${partition}`);
        }
        if (named.errorCode !== 0) throw new AnswerError(named.errorCode, 'Produce', topic);
        const baseOffset = Number(named.baseOffset);
        if (!Number.isSafeInteger(baseOffset) || baseOffset < 0) {
          throw new MalformedAnswerError(`the answer to Produce has no offset for ${topic}/${partition}`);
        }
        this.#sequences.advance(topic, partition, count);
        return { baseOffset, count };
      },
      (error) => isAnswer(error, ...LEADER_MOVED),
    );
  }

  /** Writes the ledger in the open transaction: it holds if and only if the transaction is committed. */
  async writeLedger(deadline: Deadline, seq: number, metadata: string): Promise<void> {
    const partitions = [{ partition: LEDGER_PARTITION, offset: String(seq), metadata }];
    await deadline.retry(
      async () => {
        this.#groupCoordinator ??= await this.connections.coordinator('group', this.ids.ledgerGroup);
        const answer = await this.connections.ask(this.#groupCoordinator, 'TxnOffsetCommit', {
          ...this.#epoch(),
          groupId: this.ids.ledgerGroup,
          topics: [{ topic: this.settings.ledgerTopic, partitions }],
        });
        const codes = answer.topics.flatMap((topic) => topic.partitions.map(({ errorCode }) => errorCode));
        if (codes.length !== 1)
          throw new MalformedAnswerError('the answer to TxnOffsetCommit does not name the ledger');
        if (codes[0] !== 0) throw new AnswerError(codes[0] ?? -1, 'TxnOffsetCommit');
      },
      (error) => {
        this.#groupCoordinator = null;
        if (isAnswer(error, ...COORDINATOR_BUSY) && error.request === 'FindCoordinator') return true;
        // Not COORDINATOR_NOT_AVAILABLE: it may stand for a write whose replication timed out, and that one may exist.
        return isAnswer(
          error,
          CODE.COORDINATOR_LOADING,
          CODE.NOT_COORDINATOR,
          CODE.CONCURRENT_TRANSACTIONS,
          CODE.UNKNOWN_TOPIC_OR_PARTITION,
        );
      },
    );
  }

  /** Commits. Sent exactly once: any answer but success leaves the outcome to the ledger. */
  async commit(): Promise<void> {
    const broker = this.#transactionCoordinator;
    if (broker === null) throw new MalformedAnswerError('the transaction coordinator was lost');
    const { errorCode } = await this.connections.ask(broker, 'EndTxn', { ...this.#epoch(), transactionResult: true });
    if (errorCode !== 0) throw new AnswerError(errorCode, 'EndTxn');
  }

  #ledgerRequest(stable: boolean): OwnRequest<CommittedOffset> {
    return offsetFetch(this.ids.ledgerGroup, this.settings.ledgerTopic, LEDGER_PARTITION, { stable });
  }

  async #atTransactionCoordinator<T>(deadline: Deadline, step: (broker: Broker) => Promise<T>): Promise<T> {
    return deadline.retry(
      async () => {
        this.#transactionCoordinator ??= await this.connections.coordinator('transaction', this.ids.transactionalId);
        return step(this.#transactionCoordinator);
      },
      (error) => {
        if (!isAnswer(error, CODE.CONCURRENT_TRANSACTIONS)) this.#transactionCoordinator = null;
        return isAnswer(error, ...COORDINATOR_BUSY);
      },
    );
  }

  /** A leader that has left the cluster or refuses connections was sent nothing: as definite as its own NOT_LEADER. */
  async #leaderBroker(nodeId: number, topic: string): Promise<Broker> {
    try {
      return await this.connections.byNode(nodeId);
    } catch (error) {
      const gone = error instanceof Error && UNREACHED.has(error.name);
      if (!gone) throw error;
      throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', topic);
    }
  }

  #current(): ProducerIdentity {
    if (this.#identity === null) throw new Error('the session has not taken over');
    return this.#identity;
  }

  #epoch(): { transactionalId: string; producerId: string; producerEpoch: number } {
    const { producerId, producerEpoch } = this.#current();
    return { transactionalId: this.ids.transactionalId, producerId: String(producerId), producerEpoch };
  }
}
