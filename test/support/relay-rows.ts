import { takeRelay, markRecovered } from '../../src/postgres/relay/relays';
import type { TakenRelay } from '../../src/postgres/relay/relays';
import { attachPublisher } from '../../src/postgres/relay/attach';
import type { AttachAnswer } from '../../src/postgres/relay/attach';
import { claim } from '../../src/postgres/relay/claim';
import type { Claimed, Wanted } from '../../src/postgres/relay/claim';
import { look } from '../../src/postgres/relay/look';
import { detachPublishers } from '../../src/postgres/relay/detach';
import { parkOnRelay } from '../../src/postgres/relay/park';
import { settleBatch } from '../../src/postgres/relay/settle';
import type { Settled } from '../../src/domain/relay/types';
import type { Db } from '../../src/postgres/query';
import { kafkaOf } from './events';

/** One relay, the only one, that is held and has this tenant's publisher; its statements, without a Kafka. */
export class RelayRows {
  private ledger: Settled;

  constructor(
    readonly db: Db,
    readonly held: TakenRelay,
  ) {
    this.ledger = held.settled;
  }

  static async take(db: Db): Promise<RelayRows> {
    await db.query('update outbox.installation set relays = 1');
    const held = await takeRelay(db, 0, 'test', 60_000);
    await markRecovered(db, held);
    return new RelayRows(db, held);
  }

  attach(tenant: string): Promise<AttachAnswer> {
    return attachPublisher(this.db, this.held, kafkaOf(tenant), { address: { workflowId: tenant } });
  }

  async detach(tenant: string): Promise<void> {
    await detachPublishers(this.db, this.held, [{ ref: kafkaOf(tenant), ended: {} }]);
  }

  /** Marks these as published by one transaction, which took them to partition 0 from offset 0 on. */
  async publish(tenant: string, ids: readonly string[], db = this.db): Promise<void> {
    const { offset: before, seq } = this.ledger;
    const next = { offset: before + 1, kind: 'batch' as const, seq: seq + 1, fence: this.held.fence };
    const members = ids.map((eventId, i) => ({
      ...{ tenant, eventId, replayId: null, fingerprint: 0, partition: 0, offset: String(i) },
    }));
    await settleBatch(db, this.held, { before, next, members });
    this.ledger = next;
  }

  /** Parks these as too large. */
  async park(tenant: string, ...ids: string[]): Promise<void> {
    await this.attach(tenant);
    const parked = ids.map((eventId) => ({ eventId, code: 'EVENT_TOO_LARGE', reason: 'too large' }));
    await parkOnRelay(this.db, this.held, kafkaOf(tenant), parked);
    await this.detach(tenant);
  }

  /** What a claim answers that knows of everything that is committed now. */
  async claim(tenant: string, more: Partial<Wanted> = {}): Promise<Claimed> {
    const { horizon } = await look(this.db, this.held, null);
    const want: Wanted = {
      ...{ publisher: kafkaOf(tenant), ids: [], after: '0', events: 1_000, bytes: 1_000_000, asks: true, holds: true },
      ...more,
    };
    const [answer] = await claim(this.db, this.held, [want], horizon);
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }
}

export function idsOf({ events }: Claimed): string[] {
  return events.map(({ event }) => event.id);
}

export function waitingOf({ waiting }: Claimed): [string, number][] {
  return waiting.map(({ event, lane }) => [event.id, lane]);
}
