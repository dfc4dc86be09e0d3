import type { DrainEnd, DrainRequest } from '../../domain/drain';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from '../../domain/hold-key';
import type { OnPoison } from '../../domain/hold-key';
import type { DrainDeps } from './context';
import type { BatchLimit } from './batch-share';
import { batchLimit } from './batch-limit';
import { GrantAccount } from './grant-account';
import { Pace } from './pace';
import type { BlockedTopic } from './screen';
import type { DrainTurns } from './drain-turns';
import { WAITS_MS } from './drain-turns';

/**
 * A drain is over up to this part of its time early. Fifty quiet tenants that had started together ended together every 20 s, and
 * their next events woke them together: p99 of 1.7 s, alone on the machine.
 */
const EARLY = 0.4;

/** What one drain has done so far and when it must end. */
export class DrainProgress {
  published = 0;
  parked = 0;
  batches = 0;
  /** Topics whose events wait: no claim of this drain takes them again. */
  readonly blocked = new Map<string, BlockedTopic>();
  /** Topics that looked healthy and refused a send: what looks them up again would believe them. */
  readonly refused = new Map<string, BlockedTopic>();
  /** A write's answer was lost or a step failed: Postgres knows better than this what was recorded. */
  unsure = false;
  readonly account: GrantAccount;
  readonly pace = new Pace();
  private startedAt = Date.now();
  /** The last moment at which nothing was pending, and the waits for turns before it. */
  private caughtUp = { at: Date.now(), waitedMs: 0 };
  private readonly maxMs: number;
  private readonly keptUpMaxMs: number;

  constructor(
    private readonly deps: DrainDeps,
    private readonly request: DrainRequest,
    /** Aborted when the worker stops or Temporal took the activity away. */
    readonly stop: AbortSignal,
    readonly turns: DrainTurns,
  ) {
    this.account = new GrantAccount(request);
    const part = 1 - EARLY * Math.random();
    this.maxMs = request.maxMs * part;
    this.keptUpMaxMs = (request.keptUpMaxMs ?? request.maxMs) * part;
  }

  /** The take-over is done: from here on the drain's time counts. */
  begin(): void {
    this.startedAt = Date.now();
    this.hasCaughtUp();
    this.turns.start();
  }

  /** Nothing is pending: a drain that keeps up may go on for longer. */
  hasCaughtUp(): void {
    this.caughtUp = { at: Date.now(), waitedMs: this.turns.waitedMs };
  }

  /** Most events and payload bytes of the next batch. */
  get batchLimit(): BatchLimit {
    const { batchEvents: events, batchBytes: bytes, linger } = this.deps;
    const limit = batchLimit({ events, bytes }, linger, this.pace, this.request.cautious);
    return { ...limit, bytes: Math.min(limit.bytes, this.account.remainingBytes) };
  }

  get onPoison(): OnPoison {
    return this.request.onPoison ?? DEFAULT_ON_POISON;
  }

  get maxAttempts(): number {
    return this.request.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
  }

  block(topics: readonly BlockedTopic[]): void {
    for (const topic of topics) this.blocked.set(topic.topic, topic);
  }

  mustEnd(): DrainEnd | null {
    if (this.stop.aborted) return 'stopping';
    if (this.account.remaining === 0 || this.account.remainingBytes === 0) return 'granted';
    if (this.deps.linger.crowded && this.turns.isOver) return 'time';
    const waited = (ms: number): number => Math.min(ms, WAITS_MS);
    const { at, waitedMs } = this.caughtUp;
    const backlog = at + this.maxMs + waited(this.turns.waitedMs - waitedMs);
    const inAll = this.startedAt + this.keptUpMaxMs + waited(this.turns.waitedMs);
    return Date.now() >= Math.min(backlog, inAll) ? 'time' : null;
  }

  /** How long the drain may wait for new events now, ms; `cut` if its own time ends before that. */
  get linger(): { readonly ms: number; readonly cut: boolean } {
    const left = Math.max(0, this.startedAt + this.keptUpMaxMs - Date.now());
    return left < this.request.lingerMs ? { ms: left, cut: true } : { ms: this.request.lingerMs, cut: false };
  }
}
