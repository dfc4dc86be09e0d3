import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { errorMessage } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import { tryLead } from '../postgres/leader';
import { listenForWakes } from '../postgres/notify';
import { dueReplays } from '../postgres/replay-visits';
import { forgive, sweep } from '../postgres/sweep';
import { WakeCoalescer } from './coalescer';
import type { WakeSource, Waker } from './waker';

export interface SweeperOptions {
  readonly pool: Pool;
  /** For LISTEN and the lock: poolers break both. */
  readonly directUrl: string;
  readonly intervalMs: number;
  readonly wakesPerSecond: number;
  readonly waker: Waker;
  /** One line for the log and counters. */
  readonly report: (source: WakeSource, message: string) => void;
  /** What else one process of all does: runs while this one leads, until the signal is aborted. Never rejects. */
  readonly whileLeading?: (leading: AbortSignal) => Promise<void>;
}

/** How often the others look if the leader is gone, ms: with the sweep's own interval the bound of a lost wake. */
const LEADER_RETRY_MS = 1_000;

/**
 * One process of all sweeps and listens. The sweep heals every lost wake, a terminated publisher and a wiped Temporal;
 * NOTIFY only makes SQL writers' events quick. More sweepers would only send the same signals again.
 */
export class Sweeper {
  private readonly stopping = new AbortController();
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: SweeperOptions) {}

  start(): void {
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.done;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        const leadership = await tryLead(this.options.directUrl, 'sweep');
        if (leadership !== null) {
          try {
            await this.lead(leadership.lost);
          } finally {
            await leadership.release();
          }
        }
      } catch (error) {
        this.options.report('sweep', errorMessage(error));
      }
      await this.pause(LEADER_RETRY_MS);
    }
  }

  /** Sweeps until this process stops or the lock is lost; rejects when a sweep fails, for then the lock may be gone too. */
  private async lead(lost: Promise<never>): Promise<void> {
    const { options } = this;
    const over = new AbortController();
    lost.catch((error: unknown) => {
      over.abort();
      options.report('sweep', errorMessage(error));
    });
    const wakes = new WakeCoalescer((refs) => options.waker.wake(refs, 'notify'));
    const listener = listenForWakes(options.directUrl, {
      onWake: (ref) => wakes.request([ref]),
      onError: (error) => options.report('notify', error.message),
    });
    const besides = options.whileLeading?.(over.signal);
    try {
      while (!over.signal.aborted && !this.stopping.signal.aborted) {
        const scanMs = await this.sweepOnce();
        // A slow scan (many thousand publishers with backlog) must not become the database's main load.
        await this.pause(Math.max(options.intervalMs, scanMs * 5));
      }
    } finally {
      over.abort();
      await besides;
      await listener.close();
      await wakes.idle();
    }
  }

  /** Wakes what is due; answers how long the scan took, ms. */
  private async sweepOnce(): Promise<number> {
    const { pool, intervalMs, wakesPerSecond, waker } = this.options;
    const limit = Math.max(1, Math.floor((wakesPerSecond * intervalMs) / 1000));
    const started = Date.now();
    const due: PublisherRef[] = await sweep(pool, limit);
    const scanMs = Date.now() - started;
    await waker.visit(await dueReplays(pool, limit));
    const failed = await waker.signal(due, 'sweep');
    // Temporal's fault, not theirs: without this they would wait out a back-off of up to a minute after it is back.
    if (failed.length > 0) await forgive(pool, failed);
    return scanMs;
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}
