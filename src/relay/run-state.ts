import { InFlight } from '../domain/relay/in-flight';
import { Pace } from '../domain/relay/pace';
import type { RelayProducer } from '../kafka/transaction/relay-producer';
import type { Horizon } from '../postgres/relay/look';
import type { TakenRelay } from '../postgres/relay/relays';
import { Attachments } from './attachments';
import type { RelayDeps } from './deps';
import { SickTopics } from './sick-topics';
import { Signal } from './signal';

/** What the loops of a relay share under one fence. It dies with the fence. */
export class RunState {
  readonly set = new Attachments();
  readonly inFlight = new InFlight();
  readonly pace: Pace;
  /** What the last look could see; null = none, and then a publisher may not enter the set. */
  horizon: Horizon | null = null;
  /** There may be something to send. */
  readonly work = new Signal();
  /** There may be something to detach. */
  readonly leaving = new Signal();
  /** There may be something to set aside, to bring back or to look at again. */
  readonly tending = new Signal();
  readonly topics = new SickTopics();
  /** Set once: the worker stops, or a loop has met a doubt. No new claim begins. */
  over = false;
  /** Members that were locked when they were to be settled, at least 1 until the first look. */
  unsettled = 1;
  /** Publishers of older fences whose rows were locked when they were to be adopted. */
  toAdopt = 0;

  constructor(
    readonly deps: RelayDeps,
    readonly held: TakenRelay,
    readonly producer: RelayProducer,
  ) {
    this.pace = new Pace({ maxEvents: deps.batchEvents, maxBytes: deps.batchBytes });
  }

  readonly #enders = new Set<() => void>();
  /** Set when the run has ended: everything that it sent is settled, or can never be committed. */
  isClean = false;
  /** A commit was sent, and what became of it is not known. */
  isUndecided = false;
  /** Topics kept the last transaction from being committed, and everything else goes on without them. */
  isRetired = false;

  /** What an attach met beside the loops: the run ends with it. */
  failure: { readonly error: unknown } | null = null;

  /** Waits for `work`, or until the run is over: it may wait for what ended the run. */
  async unlessOver<T>(work: Promise<T>): Promise<T | null> {
    let end: () => void = () => undefined;
    const over = new Promise<null>((resolve) => (end = () => resolve(null)));
    this.#enders.add(end);
    if (this.over) end();
    try {
      return await Promise.race([work, over]);
    } finally {
      this.#enders.delete(end);
    }
  }

  fail(error: unknown): void {
    this.failure ??= { error };
    this.end();
  }

  end(): void {
    this.over = true;
    for (const end of this.#enders) end();
    this.work.set();
    this.leaving.set();
    this.tending.set();
  }
}
