import type { DrainAddress, DrainEnd, DrainFailure, DrainRequest } from '../domain/drain';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { Grant } from '../domain/quota';
import type { Lane } from '../domain/event';
import type { BlockedTopic } from '../kafka/topic-health';
import { MetAside } from './aside';
import { BlockedTopics } from './blocked-topics';
import { CopyLane } from './copy-lane';
import { IdQueue, compareIds } from './id-queue';
import { Tokens } from './tokens';

/** What a drain leaves in the publisher's row: whoever has the relay then goes on with it and completes it. */
export interface RelayDrain {
  readonly request: DrainRequest;
  readonly address: DrainAddress;
  /** ms since epoch. */
  readonly attachedAt: number;
}

/** Looked-up ids that a backlog's publisher keeps in memory. Beyond it the scan comes to them. */
const QUEUE_LIMIT = 5_000;
const START = '0';
/** Events that wait to be set aside: beyond it nothing is claimed until they are. */
const ASIDE_LIMIT = 10_000;

/**
 * A publisher in the set of one relay under one fence.
 *
 *   scanning ── the scan of its backlog found nothing more ──→ caught up: looks bring every event
 *   caught up ── a look was cut, a batch was aborted, the queue overflowed ──→ scanning, from the first event
 *
 * A1  An id at or below the cursor comes by a look only, one above it by the scan only, so nothing is missed and nothing waits twice.
 * A2  A scan that ran while a look dropped an id above the cursor does not end the scanning.
 * A3  What a claim read in an older generation is void: what held events then may be gone, and what it set aside would stay there.
 */
export class Attachment {
  readonly id: string;
  readonly queue = new IdQueue();
  /** Its replay lane. */
  readonly copies = new CopyLane();
  /** Id up to which the scan has read; null = caught up. */
  cursor: string | null = START;
  /** Ids above the cursor that looks found since the last scan began. */
  #met: string[] = [];
  /** It was to begin anew while a scan was under way, whose end then counts for nothing. */
  #restarted = false;
  /** Claims, prepared batches, transactions, settles and parks that have something of it: at 0 it may be detached. */
  onTheWay = 0;
  ending: DrainEnd | null = null;
  failure: DrainFailure | null = null;
  published = 0;
  parked = 0;
  batches = 0;
  /** How often it had to wait for tokens. */
  denials = 0;
  readonly tokens = new Tokens();
  /** Raised when something that was aside is brought back, or may have to be. */
  generation = 0;
  readonly aside = new MetAside();
  /** Something that is aside may be free: nothing is said of the publisher until that is known. */
  reviewing: boolean;
  #reviewAsked = false;
  readonly topics: BlockedTopics;
  publishedAt: number | null = null;
  /** Transactions that it has for itself, after one with events of it was refused: nobody else is to lose another. */
  alone = 0;
  /** The topic whose partition refused events of it and ended the drain. */
  refusedTopic: string | null = null;
  /** Most events of one claim, after several were refused together. */
  #most = Infinity;
  lastEventAt: number;

  constructor(
    readonly ref: PublisherRef,
    public drain: RelayDrain,
    /** Something is parked with a key, or aside: each claimed event is asked about. */
    public asks: boolean,
    now: number,
  ) {
    this.reviewing = asks;
    this.topics = new BlockedTopics(!asks);
    this.id = publisherId(ref);
    this.lastEventAt = now;
    this.tokens.begin(drain.request);
  }

  /** One that is to be detached leaves all the same: its end is then the newer drain's outcome. */
  replace(drain: RelayDrain, asks: boolean, now: number): void {
    this.drain = drain;
    this.asks ||= asks;
    this.reviewing = this.asks;
    this.topics.known = !this.asks;
    this.tokens.begin(drain.request);
    this.lastEventAt = now;
    this.published = 0;
    this.parked = 0;
    this.batches = 0;
    this.denials = 0;
    this.rescan();
  }

  /** Later events of a key wait behind a parked one. */
  get holds(): boolean {
    return this.drain?.request.onPoison !== 'skip';
  }

  get weight(): number {
    return this.drain.request.weight;
  }

  /** True if a claim may find something. */
  get hasWork(): boolean {
    return this.has('live') || this.has('replay');
  }

  has(lane: Lane): boolean {
    if (this.ending !== null) return false;
    if (lane === 'replay') return this.copies.waiting;
    return (this.cursor !== null || this.queue.size > 0) && this.aside.size < ASIDE_LIMIT;
  }

  /** Events that are known to wait; Infinity = not counted. */
  get waiting(): number {
    return this.cursor === null ? this.queue.size : Infinity;
  }

  /** A look found this id. */
  found(id: string): void {
    if (this.aside.has(id)) return;
    if (this.cursor !== null && compareIds(id, this.cursor) > 0) {
      if (this.#met.length < QUEUE_LIMIT) this.#met.push(id);
      else this.rescan();
      return;
    }
    this.queue.add(id);
    if (this.queue.size > QUEUE_LIMIT) this.rescan();
  }

  scanBegins(): void {
    this.#met = [];
    this.#restarted = false;
  }

  /** A scan read up to `last` (null = nothing). */
  scanned(last: string | null, exhausted: boolean): void {
    if (this.cursor === null || this.#restarted) return;
    if (last !== null) this.cursor = last;
    const to = this.cursor;
    const passed = this.#met.filter((id) => compareIds(id, to) <= 0);
    if (exhausted && passed.length === this.#met.length) this.cursor = null;
    // The scan may have begun before they could be seen. Those that it has read are in flight, and left out by that.
    for (const id of passed) this.queue.add(id);
  }

  /** Begins with its first event again: what is in flight is left out by its ids. */
  rescan(): void {
    this.queue.clear();
    this.cursor = START;
    this.#restarted = true;
  }

  askReview(): void {
    this.reviewing = true;
    this.#reviewAsked = true;
  }

  reviewBegins(): void {
    this.#reviewAsked = false;
  }

  reviewEnds(done: boolean): void {
    this.reviewing = !done || this.#reviewAsked;
  }

  /** Something was brought back, or an operator changed something: what was met is judged anew. */
  judgeAnew(): void {
    this.generation += 1;
    for (const id of this.aside.clear()) this.found(id);
  }

  block(topic: BlockedTopic): void {
    this.asks = true;
    this.topics.add(topic);
  }

  /** Everything of it is back. */
  unblock(topic: string): void {
    this.topics.delete(topic);
    this.copies.wake();
    this.judgeAnew();
  }

  /** What its quota, or a breaker's probe, allows now beside what is on its way. */
  allowance(now: number, events: number): Grant {
    const { request } = this.drain;
    const probe =
      request.probe === true ? Math.max(0, request.events - this.tokens.taken - this.published - this.parked) : events;
    return this.tokens.grant(now, Math.min(events, probe, this.#most));
  }

  /** So many were refused together, and one of them is why: the next claims are half as large, until it stands alone. */
  bisect(refused: number): void {
    this.#most = Math.max(1, Math.floor(Math.min(refused, this.#most) / 2));
  }

  /** Something of it was committed. */
  succeeded(): void {
    this.#most *= 2;
    this.alone = Math.max(0, this.alone - 1);
  }

  /** Of a relay that gave the publisher up while its drain goes on. */
  inherit(before: Attachment): void {
    this.tokens.inherit(before.tokens);
    this.published = before.published;
    this.parked = before.parked;
    this.batches = before.batches;
    this.denials = before.denials;
    this.publishedAt = before.publishedAt;
    this.lastEventAt = before.lastEventAt;
    this.alone = before.alone;
  }
}
