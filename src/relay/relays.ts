import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError, errorMessage } from '../domain/errors';
import type { PublisherRef } from '../domain/publisher';
import { Quarantine } from '../domain/relay/quarantine';
import type { AttachAnswer } from '../postgres/relay/attach';
import { untoldDrains } from '../postgres/relay/detach';
import { readLeases, releaseLeases, renewLeases } from '../postgres/relay/leases';
import type { RelayLease } from '../postgres/relay/leases';
import { TopicAdmission } from './admission/topic-admission';
import type { RelayDrain } from './attachment';
import type { RelayDeps, TakeOverReason } from './deps';
import { tellAll } from './keeping';
import { Relay } from './relay';
import { fewest, part, spareSpares } from './retire/stand-in';
import type { Held } from './retire/stand-in';
import { Sleepers } from './sleepers';
import { takeOver } from './take-over';

const EVERY_MS = 1_000;
/** Relays that hang in their take-over and are stood in for. Where more do, it is Kafka that hangs, and more relays would only hang, too. */
const MOST_STUCK = 2;
/** Relays that are taken over for a new server at the same time. */
const RECOVER_AT_ONCE = 4;
/** How long an attach waits for relays to be recovered, or for another one to give the publisher up, ms. */
const ATTACH_MS = 15_000;
const ATTACH_RETRY_MS = 50;
/** Outcomes that nobody has told after this time (ms): whoever detached died. */
const UNTOLD_MS = 5_000;
const UNTOLD_AT_ONCE = 200;

/** What the caller gives. */
export type WorkerDeps = Omit<RelayDeps, 'admission' | 'quarantine'>;

/**
 * The relays of one worker: leases a main one, takes over those of dead workers with all their publishers, and on a new Postgres server those
 * that nobody holds, so that what they committed is known before anything is sent.
 */
export class Relays {
  readonly #relays = new Map<number, Relay>();
  readonly #recovering = new Set<number>();
  readonly #sleepers: Sleepers;
  readonly #stop = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #recovery: Promise<void> | null = null;

  private readonly deps: RelayDeps;

  constructor(
    deps: WorkerDeps,
    private readonly mains = 1,
  ) {
    const admission = new TopicAdmission(deps.db, deps.kafka, deps.observer);
    this.deps = { ...deps, admission, quarantine: new Quarantine() };
    this.#sleepers = new Sleepers(this.deps);
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Ends all relays after their batch in flight and gives their leases back, publishers included. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#recovery;
    await this.#sleepers.stop();
    await Promise.all([...this.#relays.values()].map((relay) => relay.stop()));
    await this.deps.admission.stop();
  }

  /** How this worker's relays stand. */
  states(): { readonly relay: number; readonly state: string; readonly publishers: number }[] {
    return [...this.#relays.values()].map(({ relay, state, publishers }) => ({ relay, state, publishers }));
  }

  /** Topics that relays leave out, of all workers. */
  get suspendedTopics(): number {
    return this.deps.admission.suspended;
  }

  /**
   * Puts a publisher into the set of one of this worker's relays. `stopped`: an operator stopped it. Rejects when none can take it in time,
   * with what is in the way.
   */
  async attach(ref: PublisherRef, drain: RelayDrain): Promise<AttachAnswer> {
    const until = Date.now() + ATTACH_MS;
    for (;;) {
      const relay = this.#choose();
      const answer = relay === null ? null : await relay.attach(ref, drain);
      if (answer?.kind === 'attached' || answer?.kind === 'stopped') return answer;
      if (Date.now() > until || this.#stop.signal.aborted) throw this.#unattached(answer);
      await delay(ATTACH_RETRY_MS);
    }
  }

  /** The running one with the fewest publishers that is no spare, else one that is being taken over. */
  #choose(): Relay | null {
    const usable = [...this.#relays.values()].filter(({ state }) => state === 'running' || state === 'taking over');
    const running = usable.filter(({ state }) => state === 'running');
    const mains = running.filter(({ isSpare }) => !isSpare);
    return fewest(mains.length > 0 ? mains : running.length > 0 ? running : usable);
  }

  readonly #held: Held = {
    relays: this.#relays,
    free: async () => {
      const free = (await readLeases(this.deps.db)).filter((one) => this.#isFree(one) && one.publishers === 0);
      return shuffled(free.map(({ relay }) => relay));
    },
    take: (relay) => {
      const isTaken = this.#relays.has(relay) || this.#recovering.has(relay);
      return isTaken || this.#stop.signal.aborted ? null : this.#take(relay, 'spare');
    },
  };

  #isFree({ relay, holder, halted }: RelayLease): boolean {
    return holder === null && !halted && !this.#relays.has(relay) && !this.#recovering.has(relay);
  }

  #unattached(answer: AttachAnswer | null): OutboxError {
    const why =
      answer?.kind === 'owned'
        ? `relay ${answer.relay} has the publisher and does not give it up`
        : answer?.kind === 'unrecovered'
          ? `relays ${answer.relays.slice(0, 10).join(', ')} are not taken over on this Postgres server yet`
          : 'this worker has no relay that runs';
    return new OutboxError(
      'KAFKA_UNAVAILABLE',
      `The publisher could not be attached: ${why}. Look at outboxctl doctor; it is tried again.`,
    );
  }

  async #run(): Promise<void> {
    for (let round = 0; !this.#stop.signal.aborted; round += 1) {
      try {
        const leases = await this.#lease();
        await this.#tickAdmission();
        await this.#tend(leases);
        this.#sleepers.look();
        if (round % 5 === 0) await tellAll(this.deps, await untoldDrains(this.deps.db, UNTOLD_MS, UNTOLD_AT_ONCE));
      } catch (error) {
        this.deps.observer.note('leases of relays could not be tended', { error: errorMessage(error) });
      }
      await delay(round === 0 ? 100 : EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** Before the first relay is taken it hears of all that is known from before. */
  async #tickAdmission(): Promise<void> {
    try {
      await this.deps.admission.tick();
    } catch (error) {
      this.deps.observer.note('what topics may be sent to could not be read or written', {
        error: errorMessage(error),
      });
    }
  }

  async #lease(): Promise<RelayLease[]> {
    for (const [number, { state }] of this.#relays) if (state === 'ended') this.#relays.delete(number);
    const running = [...this.#relays.values()].filter(({ state }) => state === 'running');
    await renewLeases(this.deps.db, this.deps.worker, [...this.#relays.keys(), ...this.#recovering]);
    const leases = await readLeases(this.deps.db);
    // One without publishers asks nothing of Postgres, and would never hear that there is another server, while all wait for its take-over.
    const lost = new Set(
      leases.filter(({ recovered, holder }) => !recovered || holder !== this.deps.worker).map(({ relay }) => relay),
    );
    for (const relay of running) if (lost.has(relay.relay)) relay.renew();
    return leases;
  }

  async #tend(leases: readonly RelayLease[]): Promise<void> {
    // An operator has ended its halt: it is free like any other.
    for (const { relay, halted } of leases)
      if (!halted && this.#relays.get(relay)?.state === 'halted') this.#relays.delete(relay);
    const free = leases.filter((one) => this.#isFree(one));
    for (const spare of spareSpares(this.#relays.values())) void spare.stop();
    // A dead worker's first: their publishers wait.
    for (const { relay, publishers } of free) if (publishers > 0) this.#take(relay, 'orphan');
    const own = [...this.#relays.values()].filter(({ state, isSpare }) => state !== 'halted' && !isSpare);
    const stuck = own.filter(({ isStuck }) => isStuck).length;
    const lacking = this.mains - own.length + Math.min(stuck, MOST_STUCK);
    const mains = shuffled(free.filter(({ publishers }) => publishers === 0)).slice(0, Math.max(0, lacking));
    for (const { relay } of mains) this.#take(relay, 'lease');
    const raises = this.deps.relays > leases.length;
    const stale = leases.filter(
      ({ relay, stillMs }) => stillMs > this.deps.ledgerRetentionMs / 4 || (raises && relay === 0),
    );
    // A take-over writes a barrier and moves L to it; that of relay 0 raises the number of relays.
    for (const { relay } of stale) this.#relays.get(relay)?.renew();
    const unrecovered = free.filter((one) => (!one.recovered || stale.includes(one)) && !this.#relays.has(one.relay));
    // Beside the leases, which have to be renewed meanwhile: a take-over may take long, and all of them longer.
    this.#recovery ??= Promise.all(Array.from({ length: RECOVER_AT_ONCE }, () => this.#recover(unrecovered))).then(
      () => {
        this.#recovery = null;
      },
    );
  }

  #take(relay: number, reason: TakeOverReason): Relay {
    const taken = new Relay(this.deps, relay, reason, (from) => part(this.#held, this.deps.observer, relay, from));
    this.#relays.set(relay, taken);
    return taken;
  }

  /** Takes over one relay after the other, until none is left, and gives each back at once. */
  async #recover(left: RelayLease[]): Promise<void> {
    for (let one = left.shift(); one !== undefined && !this.#stop.signal.aborted; one = left.shift()) {
      const { relay } = one;
      // Leased for itself since the list was made.
      if (this.#relays.has(relay)) continue;
      this.#recovering.add(relay);
      try {
        (await takeOver(this.deps, relay, 'server')).producer.destroy();
      } catch (error) {
        this.deps.observer.note('a relay that nobody holds could not be taken over', {
          relay,
          error: errorMessage(error),
        });
      } finally {
        await releaseLeases(this.deps.db, this.deps.worker, [relay]).catch(() => undefined);
        this.#recovering.delete(relay);
      }
    }
  }
}

/** Workers that start together should not all want the same relay. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((value) => ({ value, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}
