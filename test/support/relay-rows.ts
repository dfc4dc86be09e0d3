import { takeRelay, markRecovered } from '../../src/postgres/relay/relays';
import type { TakenRelay } from '../../src/postgres/relay/relays';
import { attachPublisher } from '../../src/postgres/relay/attach';
import type { AttachAnswer } from '../../src/postgres/relay/attach';
import { claim } from '../../src/postgres/relay/claim';
import type { Claimed, Wanted } from '../../src/postgres/relay/claim';
import { look } from '../../src/postgres/relay/look';
import type { Db } from '../../src/postgres/query';
import { kafkaOf } from './events';

/** One relay, the only one, that is held and has this tenant's publisher; its statements, without a Kafka. */
export class RelayRows {
  private constructor(
    readonly db: Db,
    readonly held: TakenRelay,
  ) {}

  static async take(db: Db): Promise<RelayRows> {
    await db.query('update outbox.installation set relays = 1');
    const held = await takeRelay(db, 0, 'test', 60_000);
    await markRecovered(db, held);
    return new RelayRows(db, held);
  }

  attach(tenant: string): Promise<AttachAnswer> {
    return attachPublisher(this.db, this.held, kafkaOf(tenant), { address: { workflowId: tenant } });
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
