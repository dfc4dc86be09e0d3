import { randomBytes } from 'node:crypto';
import type { PublisherRef } from '../../../src/domain/publisher';
import { InFlight } from '../../../src/domain/relay/in-flight';
import type { Settled } from '../../../src/domain/relay/types';
import type { RelayProducer } from '../../../src/kafka/transaction/relay-producer';
import type { TransactionResult } from '../../../src/kafka/transaction/types';
import { claim } from '../../../src/postgres/relay/claim';
import type { ClaimedEvent } from '../../../src/postgres/relay/claim';
import { NEVER } from '../../../src/postgres/relay/look';
import { parkOnRelay } from '../../../src/postgres/relay/park';
import { settleBatch } from '../../../src/postgres/relay/settle';
import { Course } from './course';
import { Membership } from './membership';
import { TOPIC_BYTES } from './rig';

/** One event on its way, with the model's id. */
export interface OnTheWay {
  readonly id: number;
  readonly claimed: ClaimedEvent;
}

interface Sent {
  readonly seq: number;
  readonly items: readonly OnTheWay[];
  readonly offset: number;
}

/** A process that has a relay, or takes one over: what it keeps in memory of its loop, P1 to P3, with the product's own steps. */
export class Holder extends Membership {
  claiming: Course<readonly OnTheWay[]> | null = null;
  prepared: readonly OnTheWay[] = [];
  sending: { readonly items: readonly OnTheWay[]; readonly course: Course<TransactionResult> } | null = null;
  settling: Sent[] = [];
  culprit: OnTheWay | null = null;
  readonly inFlight = new InFlight();

  /** Another thread of the same process, that knows only which fence it has. */
  twin(): Holder {
    const twin = new Holder(this.rig, this.relay);
    twin.held = this.held;
    return twin;
  }

  /** By a scan, or by the ids of all events. What it answers is looked at when the course is taken on. */
  beginClaim(publishers: readonly number[], most: number, byId: boolean): Course<readonly OnTheWay[]> {
    const { rig, inFlight } = this;
    const course: Course<readonly OnTheWay[]> = new Course(async () => {
      const read = inFlight.begin();
      const wanted = publishers.map((publisher) => ({
        publisher: rig.refs[publisher] as PublisherRef,
        ids: byId ? rig.ids : [],
        ...{ after: '0', events: 100, bytes: 1_000_000, asks: true, holds: true },
      }));
      const claimed = await claim(rig.db.pool, this.mine, wanted, { xmax: NEVER, inProgress: [] });
      await course.stop('answered');
      const found: readonly OnTheWay[] = claimed
        .flatMap(({ events }) => events)
        .filter(({ event }) => !inFlight.excluded(event.id))
        .map((one) => ({ id: rig.ids.indexOf(one.event.id) + 1, claimed: one }))
        .sort((a, b) => a.id - b.id)
        .slice(0, most);
      inFlight.exclude(found.map(({ claimed: { event } }) => event.id));
      inFlight.end(read);
      return found;
    }, []);
    this.claiming = course;
    return course;
  }

  /** With `tooLarge` the partitions refuse their part. */
  beginSend(tooLarge: boolean): Course<TransactionResult> {
    const items = this.prepared;
    this.prepared = [];
    const groups = this.rig.refs.flatMap((publisher) => {
      const own = items.filter(({ claimed: { event } }) => event.tenant === publisher.tenant);
      if (own.length === 0) return [];
      const payload = randomBytes(TOPIC_BYTES);
      const events = own.map(({ claimed: { event } }) => (tooLarge ? { ...event, payload } : event));
      return [{ publisher, events, fingerprints: own.map(({ claimed: { fingerprint } }) => fingerprint) }];
    });
    const producer = this.producer as RelayProducer;
    const batch = { seq: this.seq + 1, fence: this.mine.fence, groups };
    const course = new Course(() => producer.transact(batch), ['relay_sent']);
    this.sending = { items, course };
    return course;
  }

  /** They are pending again. */
  drop(items: readonly OnTheWay[]): void {
    this.prepared = [];
    this.inFlight.dropped(items.map(({ claimed: { event } }) => event.id));
  }

  /** P3 of what was sent at this place: for a later one than the first, as if those before it had been settled. */
  async settle(at: number): Promise<void> {
    const { seq, items, offset } = this.settling[at] as Sent;
    const before = at === 0 ? this.settled?.offset : this.settling[at - 1]?.offset;
    const { fence } = this.mine;
    const next: Settled = { kind: 'batch', offset, seq, fence };
    const members = items.map(({ claimed: { event, fingerprint } }) => {
      return { tenant: event.tenant, eventId: event.id, replayId: null, fingerprint, partition: 0, offset: '0' };
    });
    await settleBatch(this.rig.db.pool, this.mine, { before: before ?? -1, next, members });
    this.settled = next;
    this.settling = this.settling.filter((_, index) => index !== at);
    this.inFlight.settled(items.map(({ claimed: { event } }) => event.id));
  }

  async park(): Promise<void> {
    if (this.culprit === null) throw new Error('nothing is to be parked');
    const { event } = this.culprit.claimed;
    const ref = this.rig.refs.find(({ tenant }) => tenant === event.tenant) as PublisherRef;
    const why = { code: 'KAFKA_RECORD_TOO_LARGE', reason: 'The walk says so.' };
    await parkOnRelay(this.rig.db.pool, this.mine, ref, [{ eventId: event.id, ...why }]);
    this.culprit = null;
  }
}
