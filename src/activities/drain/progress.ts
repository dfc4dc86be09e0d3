import type { DrainEnd, DrainRequest } from '../../domain/drain';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from '../../domain/hold-key';
import type { OnPoison } from '../../domain/hold-key';
import { publisherId } from '../../domain/publisher';
import type { DrainDeps } from './context';
import type { BatchLimit } from './batch-share';
import { batchShare } from './batch-share';
import { Pace } from './pace';
import type { BlockedTopic } from './screen';
import type { Turn } from './turns';

/**
 * A drain that others wait for gives its turn away after this long, ms, times its weight: short enough to be fair, long enough
 * for several batches. The weight makes a turn longer, not more frequent: Temporal's queue deals tasks out from several
 * partitions and by chance, so that a weight given to it is honoured for long queues only.
 */
const TURN_MS = 1_000;
/** Waits for turns come on top of `maxMs`, up to this, ms: within the margin after which the activity counts as stuck. */
const WAITS_MS = 60_000;
const WEIGHT = { least: 0.25, most: 10 };

/**
 * A drain is over up to this part of its time early. Fifty quiet tenants that had started together ended together every 20 s, and
 * their next events woke them together: p99 of 1.7 s, alone on the machine.
 */
const EARLY = 0.4;

const CAUTIOUS_EVENTS = 500;

/** A transaction beside publishers that wait for their next event, or for a slot, is cut to about this, ms. */
const SHARED_TRANSACTION_MS = 50;

/** What one drain has done so far and when it must end. */
export class DrainProgress {
  recorded = 0;
  recordedBytes = 0;
  /** Recorded by an earlier grant or attempt and cut off again: paid once, claimed and paid again later. */
  refunded = 0;
  refundedBytes = 0;
  published = 0;
  parked = 0;
  batches = 0;
  /** Topics whose events wait: no claim of this drain takes them again. */
  readonly blocked = new Map<string, BlockedTopic>();
  /** Topics that looked healthy and refused a send: what looks them up again would believe them. */
  readonly refused = new Map<string, BlockedTopic>();
  readonly pace = new Pace();
  private startedAt = Date.now();
  private turnAt = Date.now();
  private turnMs = TURN_MS;
  private waitedMs = 0;
  private readonly maxMs: number;

  constructor(
    private readonly deps: DrainDeps,
    private readonly request: DrainRequest,
    /** Aborted when the worker stops or Temporal took the activity away. */
    readonly stop: AbortSignal,
    /** Recorded under this grant by an earlier attempt whose result was lost. */
    readonly before: { readonly events: number; readonly bytes: number },
    private readonly turn: Turn,
  ) {
    this.maxMs = request.maxMs * (1 - EARLY * Math.random());
  }

  /** The take-over is done: from here on the drain's time counts. */
  begin(): void {
    this.startedAt = Date.now();
    this.turnStarts();
  }

  /** A turn is as long as the publisher's weight, and as its cycle beside those of others. */
  private turnStarts(): void {
    this.turnAt = Date.now();
    const weight = Math.min(WEIGHT.most, Math.max(WEIGHT.least, this.request.weight ?? 1));
    const { cycles } = this.deps.linger;
    this.turnMs = TURN_MS * weight * cycles.started(publisherId(this.request.publisher), this.turnAt);
  }

  /** The turn ends although there may be more: the publisher joins the queue again. */
  turnCut(): void {
    this.deps.linger.cycles.cut(publisherId(this.request.publisher), this.turnAt);
  }

  /** True when others have waited long enough for this drain's turn. */
  get turnOver(): boolean {
    return Date.now() - this.turnAt >= this.turnMs;
  }

  /** Waits for the drain's first turn; otherwise says how it ends, having touched nothing. */
  async firstTurn(): Promise<'go' | 'stopping' | 'time'> {
    const over = new AbortController();
    const end = (): void => over.abort();
    const patience = setTimeout(end, WAITS_MS);
    this.stop.addEventListener('abort', end, { once: true });
    if (this.stop.aborted) end();
    try {
      await this.turn.take(over.signal);
    } finally {
      clearTimeout(patience);
      this.stop.removeEventListener('abort', end);
    }
    if (this.stop.aborted) return 'stopping';
    return over.signal.aborted ? 'time' : 'go';
  }

  /** The turn is over and others wait: joins the queue again. */
  async giveWay(): Promise<void> {
    this.turnCut();
    await this.yieldTurn(() => Promise.resolve());
  }

  /** Lets others publish while `pause` runs, then waits for the next turn. */
  async yieldTurn<T>(pause: () => Promise<T>): Promise<T> {
    this.turn.give();
    try {
      return await pause();
    } finally {
      const asked = Date.now();
      await this.turn.take(this.stop);
      this.turnStarts();
      this.waitedMs += this.turnAt - asked;
    }
  }

  /** Most events and payload bytes of the next batch: few after a failure, which may be a destination too slow for many. */
  get batchLimit(): BatchLimit {
    const { batchEvents: events, batchBytes: bytes, linger } = this.deps;
    const share = batchShare({ events, bytes }, linger.busy);
    const paced = linger.shared ? this.pace.eventsWithin(SHARED_TRANSACTION_MS) : Infinity;
    const limit = { ...share, events: Math.min(share.events, paced) };
    const most = Math.min(limit.bytes, this.remainingBytes);
    return { events: this.request.cautious ? Math.min(CAUTIOUS_EVENTS, limit.events) : limit.events, bytes: most };
  }

  get onPoison(): OnPoison {
    return this.request.onPoison ?? DEFAULT_ON_POISON;
  }

  get maxAttempts(): number {
    return this.request.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
  }

  get grantId(): string {
    return this.request.grantId;
  }

  /** Events that the grant still allows. */
  get remaining(): number {
    return Math.max(0, this.request.events - this.before.events - this.recorded);
  }

  /** Bytes that the grant still allows; a first event may exceed them, as a full bucket must move it. */
  get remainingBytes(): number {
    const { bytes } = this.request;
    return bytes == null ? Infinity : Math.max(0, bytes - this.before.bytes - this.recordedBytes);
  }

  /** What this grant recorded in all, which is what its quota pays: not what was cut off again. */
  totals(): { readonly recorded: number; readonly recordedBytes: number } {
    return {
      recorded: this.before.events + this.recorded - this.refunded,
      recordedBytes: this.before.bytes + this.recordedBytes - this.refundedBytes,
    };
  }

  block(topics: readonly BlockedTopic[]): void {
    for (const topic of topics) this.blocked.set(topic.topic, topic);
  }

  mustEnd(): DrainEnd | null {
    if (this.stop.aborted) return 'stopping';
    if (this.remaining === 0 || this.remainingBytes === 0) return 'granted';
    if (this.deps.linger.crowded && this.turnOver) return 'time';
    const limit = this.maxMs + Math.min(this.waitedMs, WAITS_MS);
    return Date.now() - this.startedAt >= limit ? 'time' : null;
  }

  /** How long the drain may wait for new events now. */
  get lingerMs(): number {
    return Math.min(this.request.lingerMs, this.startedAt + this.maxMs - Date.now());
  }
}
