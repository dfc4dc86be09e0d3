import type { PublisherRef } from '../domain/publisher';
import type { Lane } from '../domain/event';
import { publisherId } from '../domain/publisher';
import type { DrainEnd, DrainFailure } from '../domain/drain';
import type { InFlight } from '../domain/relay/in-flight';
import { FairShares } from '../domain/relay/shares';
import type { LookedUp } from '../postgres/relay/look';
import type { FoundCopies } from '../postgres/relay/look-copies';
import { Attachment } from './attachment';
import type { RelayDrain } from './attachment';

const LANES: readonly Lane[] = ['live', 'replay'];

/** The publishers of one relay under one fence, and which of them have work. */
export class Attachments {
  readonly #all = new Map<string, Attachment>();
  readonly shares = new FairShares();
  /** Publishers whose quota lets them go on later: their id and when, ms since epoch. */
  readonly #waiting = new Map<string, number>();
  /** Those whose replay lane nobody has looked into yet. */
  readonly #fresh = new Set<Attachment>();
  /** Those that are to be detached. */
  readonly #ending = new Set<Attachment>();
  /** A claim has met events that must wait and that are to be set aside. */
  anyMet = false;
  /** The last transaction was of one that is to be alone. */
  aloneTurn = false;

  get size(): number {
    return this.#all.size;
  }

  all(): IterableIterator<Attachment> {
    return this.#all.values();
  }

  get(id: string): Attachment | undefined {
    return this.#all.get(id);
  }

  /** A newer drain of a publisher that is attached takes the older one's place: what is on its way stays its own. */
  add(ref: PublisherRef, drain: RelayDrain, asks: boolean, now: number): Attachment {
    const old = this.#all.get(publisherId(ref));
    if (old !== undefined) {
      old.replace(drain, asks, now);
      this.shares.add(old.id, old.weight);
      this.judge(old, now);
      return old;
    }
    const attachment = new Attachment(ref, drain, asks, now);
    this.#all.set(attachment.id, attachment);
    this.#fresh.add(attachment);
    this.shares.add(attachment.id, attachment.weight);
    this.judge(attachment, now);
    return attachment;
  }

  remove(attachment: Attachment): void {
    this.#ending.delete(attachment);
    this.#fresh.delete(attachment);
    if (this.#all.get(attachment.id) !== attachment) return;
    this.#all.delete(attachment.id);
    this.#waiting.delete(attachment.id);
    this.shares.remove(attachment.id);
  }

  /** Puts found ids to their publishers, without those that are in flight. Publishers that are not here have just left. */
  found(looked: readonly LookedUp[], inFlight: InFlight, now: number): void {
    for (const found of looked) {
      const attachment = this.#all.get(publisherId(found));
      if (attachment === undefined) continue;
      if (found.eventIds === null) attachment.rescan();
      else for (const id of found.eventIds) if (!inFlight.excluded(id)) attachment.found(id);
      if (!this.#waiting.has(attachment.id)) this.judge(attachment, now);
    }
  }

  /** At most so many of those whose replay lane is to be looked into, until `foundCopies` has them. */
  fresh(limit: number): Attachment[] {
    return [...this.#fresh].slice(0, limit);
  }

  /** A look for copies has ended, which also looked into the lanes of these. */
  foundCopies(fresh: readonly Attachment[], copies: readonly FoundCopies[], now: number): void {
    for (const attachment of fresh) {
      attachment.copies.known = true;
      this.#fresh.delete(attachment);
    }
    for (const found of copies) {
      const attachment = this.#all.get(publisherId(found));
      if (attachment === undefined) continue;
      attachment.copies.found(found.lowest);
      if (!this.#waiting.has(attachment.id)) this.judge(attachment, now);
    }
  }

  /** Ready if it has work and its quota allows some of it, else not asked until one of them changes. */
  judge(attachment: Attachment, now: number): void {
    const { id } = attachment;
    if (this.#all.get(id) !== attachment) return;
    const waited = this.#waiting.delete(id);
    const allowed = attachment.hasWork && attachment.allowance(now, 1).events > 0;
    for (const lane of LANES) {
      if (!allowed || !attachment.has(lane)) this.shares.idle(id, lane);
      else this.shares.ready(id, lane === 'live' ? attachment.waiting : Infinity, lane);
    }
    if (allowed || !attachment.hasWork) return;
    const wait = attachment.tokens.waitMs(now);
    // 0: what is on its way has its tokens, and a settle judges anew.
    if (wait === null || wait <= 0) return;
    this.#waiting.set(id, now + wait);
    if (!waited) attachment.denials += 1;
  }

  /** Judges those whose wait is over; answers when the next one's is, ms since epoch. */
  refill(now: number): number | null {
    let next: number | null = null;
    for (const [id, at] of this.#waiting) {
      const attachment = this.#all.get(id);
      if (at <= now && attachment !== undefined) this.judge(attachment, now);
      else if (next === null || at < next) next = at;
    }
    return next;
  }

  /** From now on nothing more of it is claimed; it leaves when nothing of it is on its way. The first reason counts. */
  end(attachment: Attachment, end: DrainEnd, failure: DrainFailure | null = null): void {
    if (attachment.ending !== null || this.#all.get(attachment.id) !== attachment) return;
    attachment.ending = end;
    attachment.failure = failure;
    for (const lane of LANES) this.shares.idle(attachment.id, lane);
    this.#waiting.delete(attachment.id);
    this.#ending.add(attachment);
  }

  /** Those that can be detached now. */
  leaving(): Attachment[] {
    return [...this.#ending].filter(({ onTheWay }) => onTheWay === 0);
  }

  get anyReady(): boolean {
    return this.shares.anyReady;
  }

  /** What they may have missed is to be scanned for. */
  rescanAll(now: number): void {
    for (const attachment of this.#all.values()) {
      attachment.rescan();
      this.judge(attachment, now);
    }
  }
}
