import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError, errorMessage, isOutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import { releaseLeases } from '../postgres/relay/leases';
import type { AttachAnswer } from '../postgres/relay/attach';
import type { RelayDrain } from './attachment';
import type { RelayDeps, TakeOverReason } from './deps';
import { RelayRun } from './run';
import { takeOver } from './take-over';

export type RelayState = 'taking over' | 'running' | 'halted' | 'ended';

/** A doubt is resolved at once. Then this is the first wait after a take-over that failed, ms; it doubles up to the second. */
const RETRY_MS = 100;
const MOST_RETRY_MS = 5_000;
/** How long a drain waits for a relay that is being taken over, ms: its activity is tried elsewhere after it. */
const ATTACH_PATIENCE_MS = 10_000;

/**
 * One relay that this worker holds:
 *
 *   taking over ─→ running ── a doubt ─→ taking over (new fence, adopts its publishers)
 *        │  └─ the ledger contradicts ─→ halted (an operator decides)
 *        └─ leased by another, or the worker stops ─→ ended
 */
export class Relay {
  #state: RelayState = 'taking over';
  #run: RelayRun | null = null;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor(
    private readonly deps: RelayDeps,
    readonly relay: number,
    /** Of its first take-over. */
    private readonly reason: TakeOverReason,
  ) {
    this.done = this.#live();
  }

  get state(): RelayState {
    return this.#state;
  }

  get publishers(): number {
    return this.#run?.publishers ?? 0;
  }

  /** Attaches, after a take-over under way. Rejects with SHUTTING_DOWN when the relay has ended, POSTGRES_UNAVAILABLE when it takes too long. */
  async attach(ref: PublisherRef, drain: RelayDrain): Promise<AttachAnswer> {
    const until = Date.now() + ATTACH_PATIENCE_MS;
    while (this.#run === null) {
      if (this.#state === 'ended' || this.#state === 'halted') {
        throw new OutboxError(
          'SHUTTING_DOWN',
          `Relay ${this.relay} has ${this.#state}; the drain goes to another one.`,
        );
      }
      const left = until - Date.now();
      if (left <= 0) {
        throw new OutboxError(
          'KAFKA_UNAVAILABLE',
          `Relay ${this.relay} could not be taken over yet. Look at its last doubt; the drain is tried again.`,
        );
      }
      await this.#changed(Math.min(left, 1_000));
    }
    return this.#run.attach(ref, drain);
  }

  /** Takes itself over anew after its batch in flight: its partition has been still for so long that the ledger's retention comes near. */
  renew(): void {
    this.#run?.end();
  }

  /** Finishes what is under way, and gives the relay back for another worker to take over with all its publishers. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  async #live(): Promise<void> {
    const { signal } = this.#stop;
    let wait = 0;
    let reason = this.reason;
    while (!signal.aborted) {
      this.#become('taking over', null);
      try {
        const taken = await takeOver(this.deps, this.relay, reason);
        wait = 0;
        reason = 'renewed';
        if (signal.aborted) taken.producer.destroy();
        else {
          const run = new RelayRun(this.deps, taken);
          this.#become('running', run);
          await run.run(signal);
        }
      } catch (error) {
        if (await this.#ends(error)) return;
        if (this.#run !== null) reason = 'doubt';
        await delay(wait, undefined, { signal }).catch(() => undefined);
        wait = Math.min(MOST_RETRY_MS, Math.max(RETRY_MS, wait * 2));
      }
    }
    this.#become('ended', null);
    await releaseLeases(this.deps.db, this.deps.worker, [this.relay]).catch(() => undefined);
  }

  /** True for what another take-over by this worker cannot mend. */
  async #ends(error: unknown): Promise<boolean> {
    const code = isOutboxError(error) ? error.code : 'INTERNAL';
    this.deps.observer.doubt(this.relay, code, errorMessage(error));
    if (code === 'LEDGER_MISMATCH') {
      this.#become('halted', null);
      await releaseLeases(this.deps.db, this.deps.worker, [this.relay]).catch(() => undefined);
      return true;
    }
    // While running, FENCED may mean another server as well as another worker: the take-over tells.
    if (code === 'FENCED' && this.#run === null) {
      this.#become('ended', null);
      return true;
    }
    return false;
  }

  #become(state: RelayState, run: RelayRun | null): void {
    this.#state = state;
    this.#run = run;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  #changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#waiting.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
