import type { DrainRequest } from '../../domain/drain';
import { publisherId } from '../../domain/publisher';
import type { TurnTime } from './cycles';
import type { LingerHub } from './linger';
import type { Turn } from './turns';

/**
 * A drain that others wait for gives its turn away after this long, ms, times its weight: short enough to be fair, long enough
 * for several batches. The weight makes a turn longer, not more frequent: Temporal's queue deals tasks out from several
 * partitions and by chance, so that a weight given to it is honoured for long queues only.
 */
const TURN_MS = 1_000;
/** Waits for turns come on top of a drain's time, up to this, ms: within the margin after which the activity counts as stuck. */
export const WAITS_MS = 60_000;
const WEIGHT = { least: 0.25, most: 10 };

/** The turns of one drain: how long each may be, and how long it has waited for them. */
export class DrainTurns {
  /** All waits but the first, ms. */
  waitedMs = 0;
  private time: TurnTime = { startedAt: Date.now(), lengthMs: TURN_MS };
  private readonly publisher: string;
  private readonly weight: number;

  constructor(
    private readonly linger: LingerHub,
    request: DrainRequest,
    private readonly turn: Turn,
    /** Aborted when the worker stops or Temporal took the activity away. */
    private readonly stop: AbortSignal,
  ) {
    this.publisher = publisherId(request.publisher);
    this.weight = Math.min(WEIGHT.most, Math.max(WEIGHT.least, request.weight ?? 1));
  }

  /** Waits for the drain's first turn; otherwise says how it ends, having touched nothing. */
  async first(): Promise<'go' | 'stopping' | 'time'> {
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

  /** A turn is as long as the publisher's weight, and as its cycle beside those of others. */
  start(): void {
    const startedAt = Date.now();
    const lengthMs = this.linger.cycles.started(this.publisher, TURN_MS * this.weight, startedAt);
    this.time = { startedAt, lengthMs };
  }

  /** True when others have waited long enough for this drain's turn. */
  get isOver(): boolean {
    return Date.now() - this.time.startedAt >= this.time.lengthMs;
  }

  /** The turn ends although there may be more: the publisher joins the queue again. */
  cut(): void {
    // A publisher that nobody waits for has no share to be counted, and its short cycles would spoil the mean.
    if (!this.linger.awaited && !this.linger.crowded) return;
    this.linger.cycles.cut(this.publisher, this.time, Date.now());
  }

  /** The turn is over and others wait: joins the queue again. */
  async giveWay(): Promise<void> {
    this.cut();
    await this.leave(() => Promise.resolve());
  }

  /** Lets others publish while `pause` runs, then waits for the next turn. */
  async leave<T>(pause: () => Promise<T>): Promise<T> {
    this.turn.give();
    try {
      return await pause();
    } finally {
      const asked = Date.now();
      await this.turn.take(this.stop);
      this.start();
      this.waitedMs += this.time.startedAt - asked;
    }
  }
}
