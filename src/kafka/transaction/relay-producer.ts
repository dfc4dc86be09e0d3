import { OutboxError } from '../../domain/errors';
import type { Barrier } from '../../domain/relay/types';
import { failpoint } from '../../failpoints/failpoint';
import { Connections } from '../../sinks/kafka/connections';
import { Deadline } from '../../sinks/kafka/deadline';
import { asOutboxError } from '../../sinks/kafka/failures';
import type { Phase } from '../../sinks/kafka/failures';
import type { HeaderRuns } from '../../sinks/kafka/record-headers';
import { HeaderWriter } from '../../sinks/kafka/record-headers';
import type { TopicDirectory } from '../../sinks/kafka/topic-directory';
import { LedgerLog } from '../ledger/ledger-log';
import { LedgerReader } from '../ledger/ledger-reader';
import type { OnChunk } from '../ledger/ledger-reader';
import { producerName, relayTransactionalId } from '../relay-settings';
import type { RelaySettings } from '../relay-settings';
import { Epoch } from './epoch';
import { Sender } from './sender';
import { Transaction } from './transaction';
import type { OutgoingRelayBatch, TransactionResult } from './types';
import { WriterPool } from './writer-pool';

/**
 *   new ── initialise ──→ ready ⇄ busy (writeBarrier, readLedger, transact)
 *                           any rejection, `unanswered`, `epochSpent` ──→ dead ── destroy
 */
type State = 'new' | 'ready' | 'busy' | 'dead';

/**
 * One relay's transactional producer: one epoch, own sockets, one step at a time, nothing after the first failure. Every rejection
 * is an OutboxError, but for what `onChunk` itself rejects with.
 */
export class RelayProducer {
  /** The first is the one of all requests but a repeated EndTxn. */
  readonly #connections: Connections[] = [];
  readonly #epoch: Epoch;
  readonly #transaction: Transaction;
  #state: State = 'new';

  constructor(
    private readonly settings: RelaySettings,
    directory: TopicDirectory,
    readonly relay: number,
    private readonly runs: HeaderRuns,
  ) {
    const { kafka } = settings;
    const connections = this.#connect();
    const id = relayTransactionalId(settings, relay);
    this.#epoch = new Epoch(connections, id, kafka.transactionTimeoutMs, () => this.#connect());
    const sender = new Sender(connections, directory, this.#epoch, new WriterPool());
    this.#transaction = new Transaction(settings, directory, this.#epoch, sender, relay);
  }

  /** False once nothing but `destroy` may be called. */
  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  /**
   * T1: fences older producers of the relay and ends what they left open. Rejects with KAFKA_TIMEOUT and `details.concurrent` while
   * the marker of an older transaction cannot be written: a partition of it has no leader.
   */
  async initialise(deadlineMs: number): Promise<void> {
    const deadline = new Deadline(deadlineMs);
    await this.#step('new', 'taking over', async () => {
      await deadline.race(this.#epoch.initialise(deadline));
    });
  }

  /** T2: the barrier's offset in the relay's partition, after its own transaction was acknowledged. */
  async writeBarrier(barrier: Barrier): Promise<number> {
    return this.#step('ready', 'writing the barrier', (enter) =>
      this.#transaction.writeBarrier(barrier, this.#headers(0), enter),
    );
  }

  /**
   * T3: the partition's records from `from` (0 or less = the log's start) to `upTo`, both included, a chunk at a time.
   * Rejects with LEDGER_MISMATCH (`details.kind`: log-start, log-end, forged, unreadable), or KAFKA_TIMEOUT while `upTo` cannot be read yet.
   * `skipsForged`: reads on over records that are not sealed by this installation.
   */
  async readLedger(
    from: number,
    upTo: number,
    onChunk: OnChunk,
    options: { readonly skipsForged?: boolean } = {},
  ): Promise<void> {
    const { kafka, codec } = this.settings;
    const [connections = this.#connect()] = this.#connections;
    const log = new LedgerLog(connections, { topic: kafka.ledgerTopic, partition: this.relay });
    const decode = (bytes: Buffer) => codec.decode(bytes, this.relay);
    // What the caller's own work rejects with is not Kafka's to explain.
    let own: { readonly error: unknown } | null = null;
    const handOn: OnChunk = async (records, logStart) => {
      await onChunk(records, logStart).catch((error: unknown) => {
        own = { error };
        throw error;
      });
    };
    try {
      await this.#step('ready', 'reading the ledger', () =>
        new LedgerReader(log, decode, kafka.requestTimeoutMs, options.skipsForged).read(from, upTo, handOn),
      );
    } catch (error) {
      throw own === null ? error : (own as { readonly error: unknown }).error;
    }
  }

  /**
   * P2: the events and the ledger's record of them in one transaction. Rejects with KAFKA_FENCED, KAFKA_INDEFINITE (only the ledger can tell
   * what became of it), or KAFKA_UNAVAILABLE, KAFKA_TIMEOUT (nothing was sent); `details.ledger` where the ledger's own partition is the trouble.
   */
  async transact(batch: OutgoingRelayBatch): Promise<TransactionResult> {
    const count = batch.groups.reduce((sum, { events }) => sum + events.length, 0);
    return this.#step('ready', `sending batch ${batch.seq} (${count} events)`, async (enter) => {
      const result = await this.#transaction.run(batch, this.#headers(batch.seq), enter);
      if (result.kind === 'unanswered' || result.epochSpent) this.destroy();
      if (result.kind === 'committed') await failpoint('relay_committed');
      return result;
    });
  }

  /** Closes the sockets; an open transaction stays open until the next take-over or its time-out. Idempotent. */
  destroy(): void {
    this.#state = 'dead';
    for (const connections of this.#connections) connections.destroy();
  }

  #connect(): Connections {
    const connections = new Connections(this.settings.kafka);
    this.#connections.push(connections);
    return connections;
  }

  #headers(seq: number): HeaderWriter {
    return new HeaderWriter(producerName(this.settings.kafka.installId, this.relay, seq), this.runs);
  }

  async #step<T>(needed: State, doing: string, work: (enter: (phase: Phase) => void) => Promise<T>): Promise<T> {
    const what = `relay ${this.relay}, ${doing}`;
    if (this.#state !== needed) {
      throw new OutboxError('INTERNAL', `${what}: its producer is ${this.#state}. Take over with a new one.`);
    }
    this.#state = 'busy';
    let phase: Phase = 'prepare';
    try {
      const result = await work((next) => {
        if (this.#state !== 'busy') throw new Error('the producer was destroyed');
        phase = next;
      });
      if (this.#state === 'busy') this.#state = 'ready';
      return result;
    } catch (error) {
      this.destroy();
      throw asOutboxError(error, { phase, doing: what });
    }
  }
}
