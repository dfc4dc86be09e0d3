import { OutboxError } from '../../domain/errors';
import type { OutboxEvent } from '../../domain/event';
import type { PlainKey } from '../../domain/plain-key';
import { ledgerGroup, publisherId, transactionalId } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import type {
  LedgerEntry,
  LoggedLedger,
  OutgoingBatch,
  Placement,
  Preflight,
  PublishOptions,
  SinkSession,
} from '../sink';
import { Connections } from './connections';
import { Deadline } from './deadline';
import { asOutboxError } from './failures';
import type { Phase } from './failures';
import { ledgerEntryOf, placesFrom } from './ledger-metadata';
import type { TransactionOutcome } from './options';
import { withPlainKey } from './partitioner';
import { planPartitions } from './places';
import { preflightOf } from './preflight';
import { confirmLedger, publishBatch } from './publish';
import type { Shared } from './shared';
import { TransactionClient } from './transaction';

type State = 'new' | 'ready' | 'busy' | 'doubt' | 'discarded';

/** Longest read of a ledger's log: beyond it the take-over fails, and is tried again. */
const LOG_MS = 60_000;

/** Told about a session's end and beginning; the sink counts by it. */
export interface SessionObserver {
  tookOver(publisher: string): void;
  failed(publisher: string, error: OutboxError): void;
  ended(session: KafkaSession): void;
}

/** One exclusive hold on a publisher's transactional id: own sockets, own epoch, nothing after the first failure. */
export class KafkaSession implements SinkSession {
  readonly #publisher: string;
  readonly #connections: Connections;
  readonly #client: TransactionClient;
  #state: State = 'new';

  constructor(
    private readonly shared: Shared,
    ref: PublisherRef,
    private readonly observer: SessionObserver,
  ) {
    const { settings } = shared;
    this.#publisher = publisherId(ref);
    this.#connections = new Connections(settings);
    this.#client = new TransactionClient(this.#connections, settings, {
      transactionalId: transactionalId(settings.installId, ref),
      ledgerGroup: ledgerGroup(settings.installId, ref),
    });
  }

  async takeOver(): Promise<void> {
    await this.#step('new', 'taking over', this.#patienceMs(), async (deadline) => {
      await this.shared.ledgerTopic();
      await Promise.all([this.#client.initialise(deadline), this.#client.findLedger(deadline)]);
    });
    this.observer.tookOver(this.#publisher);
  }

  async readLedger(): Promise<LedgerEntry | null> {
    return this.#step('ready', 'reading the ledger', this.#patienceMs(), async (deadline) => {
      return ledgerEntryOf(await this.#client.committedLedger(deadline));
    });
  }

  async confirmLedger(believed: LedgerEntry | null, options: { readonly deadlineMs: number }): Promise<void> {
    await this.#step('ready', 'confirming the ledger', options.deadlineMs, async (deadline) => {
      await this.#client.addLedger(deadline);
      await this.#client.writeLedger(deadline, believed?.seq ?? 0, '');
      await confirmLedger(this.#client, believed?.seq ?? -1);
    });
    this.#state = 'doubt';
  }

  async ledgerInLog(believed: LedgerEntry | null, ageMs: number): Promise<LoggedLedger> {
    const limitMs = LOG_MS + this.#patienceMs();
    const logged = await this.#step('ready', 'reading the log of the ledger', limitMs, () =>
      this.shared.logReads.runExclusive(() =>
        this.#client.ledgerInLog(new Deadline(LOG_MS), believed?.seq ?? 0, ageMs),
      ),
    );
    this.#state = 'doubt';
    if (logged.kind === 'unreadable') return logged;
    return { kind: 'read', entry: logged.entry && ledgerEntryOf(logged.entry) };
  }

  async preflight(events: readonly OutboxEvent[], plainKey?: PlainKey): Promise<Preflight> {
    const { settings, directory } = this.shared;
    const keyStyle = withPlainKey(settings.keyStyle, plainKey);
    return preflightOf(events, this.#publisher, settings, directory, keyStyle);
  }

  async publish(batch: OutgoingBatch, options: PublishOptions): Promise<readonly Placement[]> {
    let phase: Phase = 'prepare';
    const doing = `publishing batch ${batch.seq} (${batch.events.length} events)`;
    const places = await this.#step(
      'ready',
      doing,
      options.deadlineMs,
      (deadline) =>
        publishBatch(this.shared, this.#client, this.#publisher, batch, {
          deadline,
          believedSeq: options.believed === undefined ? null : (options.believed?.seq ?? -1),
          beforeCommit: options.beforeCommit,
          keyStyle: withPlainKey(this.shared.settings.keyStyle, options.plainKey),
          enter: (next) => {
            // After the deadline this session is in doubt and its caller gone: nothing more may be sent, least a commit.
            if (this.#state !== 'busy') throw new Error('the session was given up');
            deadline.check();
            phase = next;
          },
        }),
      () => phase,
    );
    this.#count('committed');
    return places;
  }

  locate(batch: OutgoingBatch, entry: LedgerEntry, plainKey?: PlainKey): Promise<readonly Placement[] | null> {
    if (entry.seq !== batch.seq || entry.batchId !== batch.batchId) return Promise.resolve(null);
    const keyStyle = withPlainKey(this.shared.settings.keyStyle, plainKey);
    return Promise.resolve(
      placesFrom(entry.metadata, batch, (counts) => planPartitions(batch.events, counts, keyStyle)),
    );
  }

  discard(): Promise<void> {
    if (this.#state !== 'discarded') {
      this.#state = 'discarded';
      this.#connections.destroy();
      this.observer.ended(this);
    }
    return Promise.resolve();
  }

  /** Runs one exclusive step; a failure leaves the session in doubt, with its sockets torn down at once. */
  async #step<T>(
    needed: 'new' | 'ready',
    doing: string,
    limitMs: number,
    work: (deadline: Deadline) => Promise<T>,
    phase: () => Phase = () => 'prepare',
  ): Promise<T> {
    if (this.#state !== needed) {
      const remedy = 'Discard it, open a new one and take over.';
      throw new OutboxError('INTERNAL', `${doing}: the session of ${this.#publisher} is ${this.#state}. ${remedy}`);
    }
    this.#state = 'busy';
    const deadline = new Deadline(limitMs);
    try {
      const result = await deadline.race(work(deadline));
      if (this.#state !== 'busy') throw new Error('the session was discarded meanwhile');
      this.#state = 'ready';
      return result;
    } catch (error) {
      const failure = asOutboxError(error, { phase: phase(), doing: `${this.#publisher}, ${doing}` });
      if (this.#state === 'busy') this.#state = 'doubt';
      this.#connections.destroy();
      this.observer.failed(this.#publisher, failure);
      if (doing.startsWith('publishing')) this.#count(outcomeOf(failure));
      throw failure;
    }
  }

  /** For D0 and D1: a connection, and a slow answer each to the search for the coordinator and the request itself. */
  #patienceMs(): number {
    return this.shared.settings.connectionTimeoutMs + 2 * this.shared.settings.requestTimeoutMs;
  }

  #count(outcome: TransactionOutcome): void {
    this.shared.settings.onTransaction(outcome);
  }
}

function outcomeOf({ code }: OutboxError): TransactionOutcome {
  if (code === 'KAFKA_FENCED') return 'fenced';
  return code === 'KAFKA_INDEFINITE' ? 'indefinite' : 'aborted';
}
