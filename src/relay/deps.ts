import type { DrainAddress, DrainOutcome } from '../domain/drain';
import type { ErrorCode } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import type { Quarantine } from '../domain/relay/quarantine';
import type { Db } from '../postgres/query';
import type { RelayKafka } from '../kafka/relay-kafka';
import type { AdmissionObserver, TopicAdmission } from './admission/topic-admission';

/**
 * lease    a main one for itself           orphan   one whose worker is gone, with its publishers
 * spare    one that another's publishers are to go on with
 * server   one that nobody has: for a new Postgres server, or because its ledger grows old; given back at once
 * doubt    its own, after a doubt          renewed  its own, because its ledger grows old
 */
export type TakeOverReason = 'lease' | 'orphan' | 'spare' | 'server' | 'doubt' | 'renewed';

/** What counts and logs; injected, so that a relay knows neither prom-client nor pino. */
export interface RelayObserver extends AdmissionObserver {
  /** `oldest`: when the oldest event of the batch was accepted, ISO-8601. */
  published(ref: PublisherRef, count: number, oldest: string): void;
  /** Copies of replays, beside the events themselves. */
  replayed(ref: PublisherRef, count: number): void;
  parked(ref: PublisherRef, code: string, count: number): void;
  /** A drain ended in a failure; told once. */
  failed(ref: PublisherRef, code: string, message: string): void;
  ended(ref: PublisherRef, outcome: DrainOutcome): void;
  transaction(relay: number, outcome: 'committed' | 'aborted' | 'unanswered', events: number, ms: number): void;
  tookOver(
    relay: number,
    reason: TakeOverReason,
    ms: number,
    found: { readonly settled: number; readonly strangers: number },
  ): void;
  /** How long a step took, ms. */
  took(step: 'claim' | 'settle', ms: number): void;
  /** The relay gives its fence up, or cannot be taken over; told once each. */
  doubt(relay: number, code: ErrorCode, message: string): void;
  /** A record of it was refused, so it has transactions of its own, until three were committed over a minute. */
  quarantine(ref: PublisherRef, what: 'begins' | 'ends', code: string, why: string): void;
  /** Its publishers went on with another relay, `to`, while it waits for partitions that cannot take their part. */
  retired(relay: number, to: number, publishers: number, ms: number): void;
}

/** What all relays of one worker share. */
export interface RelayDeps {
  readonly db: Db;
  readonly kafka: RelayKafka;
  /** Of all relays of the worker, both. */
  readonly admission: TopicAdmission;
  readonly quarantine: Quarantine;
  readonly observer: RelayObserver;
  /** Identity of this worker process, as rows and outcomes name it. */
  readonly worker: string;
  /** Hands a drain's outcome to the activity that waits for it. Rejects while Temporal cannot be reached; one that is gone is no error. */
  readonly complete: (address: DrainAddress, outcome: DrainOutcome) => Promise<void>;
  /** How many relays there are to be: the number is raised to it, never lowered. The ledger has a partition for each. */
  readonly relays: number;
  /** Most events and bytes of one transaction. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** How long a publisher without events stays attached, ms. */
  readonly lingerMs: number;
  /** How long Kafka keeps the ledger's records, ms. */
  readonly ledgerRetentionMs: number;
  /** Longest attachment of one drain, ms: shorter than its activity's time-out. */
  readonly drainMaxMs: number;
}
