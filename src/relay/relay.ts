import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError, errorMessage, isOutboxError } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import { releaseLeases } from '../postgres/relay/leases';
import type { AttachAnswer } from '../postgres/relay/attach';
import type { RelayDrain } from './attachment';
import type { RelayDeps, TakeOverReason } from './deps';
import { RelayRun } from './run';
import { whileHanging } from './retire/hanging';
import type { Parting, Received } from './retire/receive';
import { takeOver } from './take-over';
import type { TakenOver } from './take-over';

export type RelayState = 'taking over' | 'running' | 'halted' | 'ended';

/** A doubt is resolved at once. Then this is the first wait after a take-over that failed, ms; it doubles up to the second. */
const RETRY_MS = 100;
const MOST_RETRY_MS = 5_000;
/** How long a drain waits for a relay that is being taken over, ms: then another one may be better. */
const ATTACH_PATIENCE_MS = 1_000;
/** Longer than a take-over takes when Kafka is well, ms. */
const STUCK_MS = 3_000;

/**
 * One relay that this worker holds:
 *
 *   taking over ─→ running ── a doubt ─→ taking over (new fence, adopts its publishers, if they have not moved to another relay meanwhile)
 *        │  └─ the ledger contradicts ─→ halted (an operator decides)
 *        └─ leased by another, or the worker stops ─→ ended
 */
export class Relay {
  #state: RelayState = 'taking over';
  #run: RelayRun | null = null;
  /** When it stopped running, or was taken. */
  #since = performance.now();
  /** A spare has no publishers but those of a relay that waits. */
  isSpare: boolean;
  #parting: Parting | null = null;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor(
    private readonly deps: RelayDeps,
    readonly relay: number,
    /** Of its first take-over. */
    private readonly reason: TakeOverReason,
    /** Finds a relay for this one's publishers to go on with. */
    private readonly part: (from: Parting) => Promise<Received | null>,
  ) {
    this.isSpare = reason === 'spare';
    this.done = this.#live();
  }

  get state(): RelayState {
    return this.#state;
  }

  get publishers(): number {
    return this.#run?.publishers ?? 0;
  }

  /** Attaches, after a take-over under way; null when that takes too long. Rejects with SHUTTING_DOWN when the relay has ended. */
  async attach(ref: PublisherRef, drain: RelayDrain): Promise<AttachAnswer | null> {
    const until = Date.now() + ATTACH_PATIENCE_MS;
    while (this.#run === null) {
      if (this.#state === 'ended' || this.#state === 'halted') {
        throw new OutboxError(
          'SHUTTING_DOWN',
          `Relay ${this.relay} has ${this.#state}; the drain goes to another one.`,
        );
      }
      const left = until - Date.now();
      if (left <= 0) return null;
      await this.#changed(Math.min(left, 1_000));
    }
    return this.#run.attach(ref, drain);
  }

  /** It is being taken over for so long that something holds it up: a worker needs another one meanwhile. */
  get isStuck(): boolean {
    return this.#state === 'taking over' && performance.now() - this.#since > STUCK_MS;
  }

  /** True once it is taken over, if that is within `ms`. */
  async runs(ms: number): Promise<boolean> {
    const until = Date.now() + ms;
    while (this.#run === null && this.#state === 'taking over' && Date.now() < until)
      await this.#changed(until - Date.now());
    return this.#run !== null;
  }

  /** Takes the publishers of another relay; null = it does not run now, or the other one is another worker's by now. */
  async receive(from: Parting): Promise<Received | null> {
    return this.#run?.receive(from) ?? null;
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
        const taken = await this.#takeOver(reason);
        wait = 0;
        this.#parting = null;
        reason = 'renewed';
        if (signal.aborted) taken.producer.destroy();
        else {
          const run = new RelayRun(this.deps, taken);
          this.#become('running', run);
          await run.run(signal);
          this.#parting = run.parting;
        }
      } catch (error) {
        const run = this.#run;
        if (await this.#ends(error)) return;
        if (run !== null) {
          // Nothing is attached to it from here on, and no other relay takes it for one that runs.
          this.#become('taking over', null);
          reason = 'doubt';
          this.#parting = run.parting;
          if (run.isRetired) await this.#partNow();
        }
        await delay(wait, undefined, { signal }).catch(() => undefined);
        wait = Math.min(MOST_RETRY_MS, Math.max(RETRY_MS, wait * 2));
      }
    }
    this.#become('ended', null);
    await releaseLeases(this.deps.db, this.deps.worker, [this.relay]).catch(() => undefined);
  }

  /** While it hangs on a partition that is not the ledger's, its publishers go on with another relay. */
  async #takeOver(reason: TakeOverReason): Promise<TakenOver> {
    const over = new AbortController();
    const hanging = whileHanging(this.deps, this.relay, over.signal, () => this.#partNow());
    try {
      return await takeOver(this.deps, this.relay, reason, (held) => {
        // On another server what it settled may be lost: then its own take-over has to find it first.
        const same = this.#parting?.held.server === held.server;
        this.#parting = this.#parting !== null && same ? { ...this.#parting, held } : null;
      });
    } finally {
      over.abort();
      await hanging;
    }
  }

  /** Also when nothing is left: an attach that was under way may have written its row after the move. The rest is the take-over's to adopt. */
  async #partNow(): Promise<void> {
    if (this.#parting === null) return;
    await this.part(this.#parting).catch((error: unknown) => {
      this.deps.observer.note('publishers could not go on with another relay', {
        relay: this.relay,
        error: errorMessage(error),
      });
    });
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
    if (this.#state === 'running' && state !== 'running') this.#since = performance.now();
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
