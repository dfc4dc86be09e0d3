import type { DrainEnd, DrainRequest } from '../../domain/drain';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from '../../domain/hold-key';
import type { OnPoison } from '../../domain/hold-key';
import { publisherId } from '../../domain/publisher';
import type { DrainDeps } from './context';
import type { BatchLimit } from './batch-share';
import type { TurnTime } from './cycles';
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
  private turnTime: TurnTime = { startedAt: Date.now(), lengthMs: TURN_MS };
  private waitedMs = 0;
  /** The last moment at which nothing was pending, and the waits for turns before it. */
  private caughtUp = { at: Date.now(), waitedMs: 0 };
  private readonly maxMs: number;
  private readonly keptUpMaxMs: number;

  constructor(
    private readonly deps: DrainDeps,
    private readonly request: DrainRequest,
    /** Aborted when the worker stops or Temporal took the activity away. */
    readonly stop: AbortSignal,
    /** Recorded under this grant by an earlier attempt whose result was lost. */
    private before: { readonly events: number; readonly bytes: number },
    private readonly turn: Turn,
  ) {
    const part = 1 - EARLY * Math.random();
    this.maxMs = request.maxMs * part;
    this.keptUpMaxMs = (request.keptUpMaxMs ?? request.maxMs) * part;
  }

  /** What earlier attempts of this grant had recorded when the take-over fenced them. */
  recordedBefore(before: { readonly events: number; readonly bytes: number }): void {
    this.before = before;
  }

  /** The take-over is done: from here on the drain's time counts. */
  begin(): void {
    this.startedAt = Date.now();
    this.hasCaughtUp();
    this.turnStarts();
  }

  /** Nothing is pending: a drain that keeps up may go on for longer. */
  hasCaughtUp(): void {
    this.caughtUp = { at: Date.now(), waitedMs: this.waitedMs };
  }

  /** A turn is as long as the publisher's weight, and as its cycle beside those of others. */
  private turnStarts(): void {
    const startedAt = Date.now();
    const weight = Math.min(WEIGHT.most, Math.max(WEIGHT.least, this.request.weight ?? 1));
    const { cycles } = this.deps.linger;
    const lengthMs = cycles.started(publisherId(this.request.publisher), TURN_MS * weight, startedAt);
    this.turnTime = { startedAt, lengthMs };
  }

  /** The turn ends although there may be more: the publisher joins the queue again. */
  turnCut(): void {
    // A publisher that nobody waits for has no share to be counted, and its short cycles would spoil the mean.
    if (!this.deps.linger.awaited && !this.deps.linger.crowded) return;
    this.deps.linger.cycles.cut(publisherId(this.request.publisher), this.turnTime, Date.now());
  }

  /** True when others have waited long enough for this drain's turn. */
  get turnOver(): boolean {
    return Date.now() - this.turnTime.startedAt >= this.turnTime.lengthMs;
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
      this.waitedMs += this.turnTime.startedAt - asked;
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
    const waited = (ms: number): number => Math.min(ms, WAITS_MS);
    const { at, waitedMs } = this.caughtUp;
    const backlog = at + this.maxMs + waited(this.waitedMs - waitedMs);
    const inAll = this.startedAt + this.keptUpMaxMs + waited(this.waitedMs);
    return Date.now() >= Math.min(backlog, inAll) ? 'time' : null;
  }

  /** How long the drain may wait for new events now, ms; `cut` if its own time ends before that. */
  get linger(): { readonly ms: number; readonly cut: boolean } {
    const left = Math.max(0, this.startedAt + this.keptUpMaxMs - Date.now());
    return left < this.request.lingerMs ? { ms: left, cut: true } : { ms: this.request.lingerMs, cut: false };
  }
}
