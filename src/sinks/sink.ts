import type { OutboxEvent } from '../domain/event';
import type { PlainKey } from '../domain/plain-key';
import type { PublisherRef } from '../domain/publisher';

/** One batch as the sink sends it: exactly these events, in this order, in one transaction with the ledger. */
export interface OutgoingBatch {
  /** Minted when the batch is recorded (a UUID); part of the `x-producer-id` header and of the ledger's metadata. */
  readonly batchId: string;
  /** Number of the batch within its publisher, from 1 upwards: the offset that the ledger will hold. */
  readonly seq: number;
  readonly events: readonly OutboxEvent[];
}

/** Where an event of a batch went; aligned with `OutgoingBatch.events`. */
export interface Placement {
  readonly partition: number;
  /** Decimal string. */
  readonly offset: string;
}

/** What the destination says it committed last for this publisher. */
export interface LedgerEntry {
  readonly seq: number;
  readonly batchId: string;
  /** Opaque to everyone but the sink that wrote it (`SinkSession.locate` reads it). */
  readonly metadata: string;
}

/** What the destination's log says, or why it cannot be read, with the remedy. */
export type LoggedLedger =
  | { readonly kind: 'read'; readonly entry: LedgerEntry | null }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface PublishOptions {
  /** The whole of D4 must end within this time (ms), else the session is in doubt. Shorter than the transaction time-out. */
  readonly deadlineMs: number;
  /** Awaited after sends and ledger write, before the commit request. A rejection means: do not commit, throw the session away. */
  readonly beforeCommit?: () => Promise<void>;
  /**
   * What the ledger said at the take-over (null = there was none), for the first batch after it. It is looked at again before the
   * commit: rejects with `LEDGER_STALE`, and commits nothing, if it says something else.
   */
  readonly believed?: LedgerEntry | null;
  /** Absent = none beside the deployment's. With each call, because a session outlives the tenant's settings. */
  readonly plainKey?: PlainKey;
}

/** Events of a batch that can never be sent as they are; found before the first byte is sent. */
export interface Unsendable {
  /** `memberId` of the event: a batch may hold several copies of one event. */
  readonly eventId: string;
  readonly code: 'EVENT_TOO_LARGE' | 'EVENT_REFUSED';
  readonly reason: string;
}

/** What a look at a batch before sending it found: single events to park and topics that cannot take anything now. */
export interface Preflight {
  readonly unsendable: readonly Unsendable[];
  readonly blockedTopics: readonly {
    readonly topic: string;
    readonly code: BlockedTopicCode;
    readonly reason: string;
  }[];
}

export type BlockedTopicCode =
  'KAFKA_TOPIC_MISSING' | 'KAFKA_TOPIC_FORBIDDEN' | 'KAFKA_TOPIC_NOT_ALLOWED' | 'KAFKA_TOPIC_UNAVAILABLE';

/**
 * One exclusive hold on a publisher's transactional id. Never shared by two attempts. After any rejection of `takeOver`,
 * `publish` or `readLedger`, and after `confirmLedger` or `ledgerInLog`, the only legal call is `discard` (one doubt = one new epoch); every rejection is an OutboxError.
 */
export interface SinkSession {
  /** Fences every older session of this publisher (in Kafka: transactional InitProducerId). After it, older outcomes are final. */
  takeOver(): Promise<void>;
  /** The last committed batch, read so that no pending commit can change it afterwards; null = no ledger is there. */
  readLedger(): Promise<LedgerEntry | null>;
  /**
   * Looks at the ledger again, beside a transaction that is never committed: rejects with `LEDGER_STALE` if it is not what `readLedger`
   * said. Afterwards the only legal call is `discard`, and the transaction is open until the next take-over.
   */
  confirmLedger(believed: LedgerEntry | null, options: { readonly deadlineMs: number }): Promise<void>;
  /**
   * The last committed batch as the destination's own log has it, for when what `readLedger` said would send a batch again or halt the
   * publisher: `believed` is that. Looks back `ageMs` (Infinity = all); null = nothing was committed since. Unreadable is not an error:
   * the right to read it may be lacking. Afterwards the only legal call is `discard`.
   */
  ledgerInLog(believed: LedgerEntry | null, ageMs: number): Promise<LoggedLedger>;
  /** Looks at events without sending: limits of size per topic, existence and allowance of topics. Never condemns on an outage. */
  preflight(events: readonly OutboxEvent[], plainKey?: PlainKey): Promise<Preflight>;
  /**
   * Sends the events and the ledger in one transaction. Resolves only when the commit was acknowledged.
   * Rejects with `KAFKA_INDEFINITE` when the outcome is unknown, `KAFKA_FENCED` when a newer epoch exists,
   * `EVENT_TOO_LARGE` with `details.eventIds` (`memberId` of the events of the refused request; one id = the culprit).
   */
  publish(batch: OutgoingBatch, options: PublishOptions): Promise<readonly Placement[]>;
  /**
   * Where the events of a batch that the ledger names went, or null if the ledger's metadata could not hold it all, or the
   * batch was sent with other keys.
   */
  locate(batch: OutgoingBatch, entry: LedgerEntry, plainKey?: PlainKey): Promise<readonly Placement[] | null>;
  /** Closes sockets without aborting anything. Idempotent; never rejects. */
  discard(): Promise<void>;
}

/** A message of a publisher as `read_committed` consumers see it. */
export interface FoundMessage {
  readonly eventId: string;
  readonly dedupeKey: string;
  /** The replay that sent it again; null = the event itself. */
  readonly replayId: string | null;
  readonly batchId: string;
  readonly topic: string;
  readonly partition: number;
  /** Decimal string. */
  readonly offset: string;
}

export interface MessageSearch {
  readonly topics: readonly string[];
  /** Messages of events that were created before this moment (ms since epoch) are not looked for. */
  readonly sinceMs: number;
  /** The last place that each partition is known to hold of this publisher: as long as it is there, so is all that came later. */
  readonly known: readonly { readonly topic: string; readonly partition: number; readonly offset: number }[];
  /** Awaited before more is read. */
  readonly found: (messages: readonly FoundMessage[]) => Promise<void>;
}

/** A destination that takes whole batches atomically with its ledger. */
export interface Sink {
  open(ref: PublisherRef): SinkSession;
  /** The ledger as it is now, without taking over: to show it, never to decide by it. */
  peekLedger(ref: PublisherRef): Promise<LedgerEntry | null>;
  /**
   * Hands on every message of this publisher in these topics. Only after `takeOver` of a session is the outcome of all older
   * transactions final. Answers null, or why messages may be missing, with the remedy; then nothing was handed on.
   */
  findMessages(ref: PublisherRef, search: MessageSearch): Promise<string | null>;
  /** How long (ms) the destination keeps an untouched ledger; an absent one older than this proves nothing. */
  ledgerRetentionMs(): Promise<number>;
  /** True if the destination answers now (for /readyz and doctor). Bounded by `timeoutMs`. */
  reachable(timeoutMs: number): Promise<boolean>;
  /** How the place of the ledgers stands; 0 partitions = it is missing. For doctor: takes and makes nothing. */
  ledgerState(): Promise<{ readonly topic: string; readonly partitions: number; readonly replicas: number }>;
  /** Why the log below the ledgers cannot be read, with the remedy; null = it can. For doctor. */
  ledgerLogProblem(): Promise<string | null>;
  close(): Promise<void>;
}
