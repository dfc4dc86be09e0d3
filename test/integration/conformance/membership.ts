import { randomUUID } from 'node:crypto';
import type { PublisherRef } from '../../../src/domain/publisher';
import type { Settled } from '../../../src/domain/relay/types';
import type { RelayProducer } from '../../../src/kafka/transaction/relay-producer';
import { attachPublisher } from '../../../src/postgres/relay/attach';
import type { AttachAnswer } from '../../../src/postgres/relay/attach';
import { detachPublishers } from '../../../src/postgres/relay/detach';
import { adoptPublishers } from '../../../src/postgres/relay/relays';
import type { TakenRelay } from '../../../src/postgres/relay/relays';
import type { RelayDeps } from '../../../src/relay/deps';
import { takeOver } from '../../../src/relay/take-over';
import type { TakenOver } from '../../../src/relay/take-over';
import { Course } from './course';
import type { ConformanceRig } from './rig';

const TAKE_OVER = [
  'relay_after_fence',
  'relay_after_init',
  'relay_after_barrier',
  'relay_after_chunk',
  'relay_after_recovered',
] as const;

/** What a process knows of the relay that it takes over, T0 to T5, and of the publishers that come and go. */
export class Membership {
  takeOver: Course<TakenOver> | null = null;
  held: TakenRelay | null = null;
  producer: RelayProducer | null = null;
  /** L, as far as this process has moved it. */
  settled: Settled | null = null;
  /** Of the last batch. */
  seq = 0;
  set: number[] = [];

  constructor(
    readonly rig: ConformanceRig,
    readonly relay: number,
  ) {}

  /** Its memory goes, and its sockets; nothing is ended. */
  die(): void {
    this.producer?.destroy();
  }

  beginTakeOver(): Course<TakenOver> {
    const { db, kafka } = this.rig;
    const deps = {
      db: db.pool,
      kafka: {
        open: (relay: number) => (this.producer = kafka.open(relay)),
        ledgerId: () => kafka.ledgerId(),
      },
      // All have one name: for the model leases are nothing, and any process may take over at any time.
      worker: 'conformance',
      relays: 0,
      observer: { tookOver: () => undefined, note: () => undefined },
    } as unknown as RelayDeps;
    this.takeOver = new Course(() => takeOver(deps, this.relay, 'lease', (held) => (this.held = held)), TAKE_OVER);
    return this.takeOver;
  }

  tookOver({ held }: TakenOver): void {
    this.held = held;
    this.settled = held.settled;
    this.seq = held.settled.seq;
  }

  async adopt(): Promise<void> {
    const { adopted } = await adoptPublishers(this.rig.db.pool, this.mine);
    this.set = adopted.map(({ tenant }) => this.rig.refs.findIndex((ref) => ref.tenant === tenant)).sort();
  }

  async attach(publisher: number): Promise<AttachAnswer['kind']> {
    const address = { workflowId: 'w', runId: 'r', activityId: randomUUID() };
    const ref = this.rig.refs[publisher] as PublisherRef;
    const answer = await attachPublisher(this.rig.db.pool, this.mine, ref, { address });
    if (answer.kind === 'attached') this.set = [...this.set, publisher].sort();
    return answer.kind;
  }

  /** True if the row said that it was this relay's. */
  async detach(publisher: number): Promise<boolean> {
    const ref = this.rig.refs[publisher] as PublisherRef;
    const gone = await detachPublishers(this.rig.db.pool, this.mine, [{ ref, ended: { end: 'time' } }]);
    this.set = this.set.filter((other) => other !== publisher);
    return gone.length === 1;
  }

  get mine(): TakenRelay {
    if (this.held === null) throw new Error('nothing is held');
    return this.held;
  }
}
