import type { Pool } from 'pg';
import type { DrainOutcome, DrainRequest } from '../../domain/drain';
import type { PublisherRef } from '../../domain/publisher';
import type { Sink } from '../../sinks/sink';
import type { LingerHub } from './linger';
import type { SessionCache } from './session-cache';

/** What counts and logs; injected, so that the drain knows neither prom-client nor pino. */
export interface DrainObserver {
  published(ref: PublisherRef, acceptedAt: readonly string[]): void;
  /** Copies that replays made, beside what `published` counts. */
  replayed(ref: PublisherRef, count: number): void;
  parked(ref: PublisherRef, code: string, count: number): void;
  failed(ref: PublisherRef, code: string, message: string, details: Readonly<Record<string, unknown>>): void;
  /** Told once per drain, after everything else. */
  ended(request: DrainRequest, outcome: DrainOutcome): void;
  note(ref: PublisherRef, what: string, details: Readonly<Record<string, unknown>>): void;
}

/** What all drains of one worker share. */
export interface DrainDeps {
  readonly pool: Pool;
  readonly sink: Sink;
  readonly sessions: SessionCache;
  readonly linger: LingerHub;
  readonly observer: DrainObserver;
  /** Identity of this worker process, as the publisher's row and state name it. */
  readonly worker: string;
  /** Most events and payload bytes of one batch. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** D4 must end within this, ms: shorter than Kafka's transaction time-out. */
  readonly publishDeadlineMs: number;
  /** Aborted when the worker shuts down: drains end after the batch in flight. */
  readonly stopping: AbortSignal;
  /** Resolves when attempts that were given up while this process stood still have heard of it, see `FreezeWatch`. */
  readonly thawed: (stop: AbortSignal) => Promise<void>;
}

/** Set by the activity's cancellation (time-out, terminated workflow) or the worker's shutdown. */
export interface DrainCall {
  readonly request: DrainRequest;
  readonly cancelled: AbortSignal;
}
