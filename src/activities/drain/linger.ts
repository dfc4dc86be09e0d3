import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { publisherId } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import { pendingExists } from '../../postgres/looks';
import { Cycles } from './cycles';
import { LookTimes } from './look-times';
import type { Turn } from './turns';
import { FREE_TURN, Turns } from './turns';

/** How often the worker looks for new events of its lingering publishers, ms: half of it is the mean wait it adds. */
const LOOK_MS = 5;
/** A lingering publisher holds an activity slot; above this share of used slots it gives the slot back. */
const SLOTS_SHARE = 0.8;
/** So many that linger beside a busy drain are many. */
const MANY = 4;

/** Bound of a drain's rests, ms, 0 = a backlog never takes others into account, and who counts the rests. */
export interface Rests {
  readonly longestMs: number;
  readonly rested: (ms: number) => void;
}

interface Lingerer {
  readonly ref: PublisherRef;
  readonly until: number;
  readonly end: (found: boolean) => void;
}

/**
 * One look for all lingering publishers of this worker: a query each would be 200 queries/s per tenant, one query for
 * all costs about the same however many linger.
 */
export class LingerHub {
  // A set, not a map by publisher: two attempts of one publisher may linger in one process, and each must end by itself.
  private readonly waiting = new Set<Lingerer>();
  private looping = false;
  private drains = 0;
  private suspects = 0;
  private readonly looks = new LookTimes();

  private readonly turns: Turns;
  /** How often the publishers of this worker come round. */
  readonly cycles = new Cycles();

  /** `slots`: activities at the same time; `turns`: how many of them publish, the others linger or wait for a turn. */
  constructor(
    private readonly pool: Pool,
    private readonly slots: number,
    turns = slots,
    private readonly rests: Rests = { longestMs: 0, rested: () => undefined },
  ) {
    this.turns = new Turns(turns);
  }

  /** Counts a running drain; `leave` when it ends. Suspect ones have slots of their own, so they wait for no turn. */
  enter(suspect: boolean): { readonly turn: Turn; readonly leave: () => void } {
    this.drains += 1;
    if (suspect) this.suspects += 1;
    const turn = suspect ? FREE_TURN : this.turns.turn();
    const leave = (): void => {
      this.drains -= 1;
      if (suspect) this.suspects -= 1;
      turn.give();
    };
    return { turn, leave };
  }

  /** True while a drain of this worker waits for its turn. */
  get awaited(): boolean {
    return this.turns.awaited;
  }

  /** Running drains that have something to publish: what lingers holds no events. */
  get busy(): number {
    return Math.max(1, this.drains - this.waiting.size);
  }

  /** True while other publishers may be waiting for a slot of this worker. */
  get crowded(): boolean {
    return this.drains - this.suspects >= this.slots * SLOTS_SHARE;
  }

  /** True while others are quiet beside the busy ones, or wait for a slot: then nobody should hold the process for long. */
  get shared(): boolean {
    return this.waiting.size > 0 || this.awaited || this.crowded;
  }

  /**
   * Called by a drain between two large transactions, of which the last took `ms`: rests while others linger and their looks are slow. A
   * backlog takes every core there is, and events of the others wait for one at each of ten steps. Not while somebody waits for its
   * turn, who is to have it sooner and not later.
   */
  async rest(ms: number): Promise<void> {
    if (!this.slowed) return;
    const restMs = Math.min(this.rests.longestMs, ms * this.looks.rest);
    this.rests.rested(restMs);
    await delay(restMs);
  }

  /** True while many linger beside each drain that is busy: one gives way to many, and not twenty to the first of them that is done. */
  get outnumbered(): boolean {
    return this.waiting.size >= MANY * this.busy;
  }

  /** True while others linger and their looks take longer than usual: a backlog should be gentle then. */
  get slowed(): boolean {
    return this.rests.longestMs > 0 && this.waiting.size > 0 && !this.awaited && this.looks.rest > 0;
  }

  /** Resolves true as soon as the publisher has work, false after `ms`, when stopped, or when slots get scarce. */
  wait(ref: PublisherRef, ms: number, stop: AbortSignal): Promise<boolean> {
    if (ms <= 0 || stop.aborted || this.crowded) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (found: boolean): void => {
        this.waiting.delete(lingerer);
        stop.removeEventListener('abort', aborted);
        resolve(found);
      };
      const aborted = (): void => end(false);
      stop.addEventListener('abort', aborted, { once: true });
      const lingerer: Lingerer = { ref, until: Date.now() + ms, end };
      this.waiting.add(lingerer);
      if (!this.looping) {
        this.looping = true;
        void this.loop();
      }
    });
  }

  private async loop(): Promise<void> {
    while (this.waiting.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const lingerers = [...this.waiting];
      const refs = lingerers.map((lingerer) => lingerer.ref);
      // A failed look is no verdict: the drain's own next query meets the same database and reports it.
      const found = await this.look(refs).catch(() => refs);
      const ready = new Set(found.map(publisherId));
      const now = Date.now();
      for (const lingerer of lingerers) {
        if (ready.has(publisherId(lingerer.ref))) lingerer.end(true);
        else if (now >= lingerer.until || this.crowded) lingerer.end(false);
      }
    }
    this.looping = false;
  }

  private async look(refs: readonly PublisherRef[]): Promise<readonly PublisherRef[]> {
    const asked = performance.now();
    const found = await pendingExists(this.pool, refs);
    this.looks.took(performance.now() - asked);
    return found;
  }
}
