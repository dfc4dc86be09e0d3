import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { requestReplay } from '../../src/postgres/replay-control';
import { feedReplay } from '../../src/postgres/replay-feed';
import type { ReplayStatus } from '../../src/domain/replay';
import type { ReplayCommand } from '../../src/domain/replay-commands';
import type { TestDatabase } from './database';
import { kafkaOf } from './events';
import { testServers } from './stack';

/** Stores a replay of a tenant's Kafka publisher, as the publisher's command does. */
export async function replayOf(
  rig: { readonly db: TestDatabase },
  tenant: string,
  command: Partial<ReplayCommand>,
): Promise<ReplayStatus> {
  const whole = { replayId: 'again', by: 'test', why: 'a test', ...command };
  return (await requestReplay(rig.db.pool, kafkaOf(tenant), whole)).replay;
}

/** Visits a replay as its workflow does, until there is nothing more to do at once. */
export async function feedAll(
  rig: { readonly db: TestDatabase },
  tenant: string,
  replayId = 'again',
): Promise<ReplayStatus> {
  for (;;) {
    const fed = await feedReplay(rig.db.pool, tenant, replayId);
    if (fed.replay === null) throw new Error(`no replay ${replayId}`);
    if (!fed.more) return fed.replay;
  }
}

export interface SeenCopy {
  readonly eventId: string;
  /** null: the event itself. */
  readonly replayId: string | null;
  readonly count: string | null;
  readonly partition: number;
  readonly offset: string;
}

/** What a read_committed consumer sees of a topic, with the headers of replays. Ends when `expected` came and silence after. */
export async function readCopies(topic: string, expected: number): Promise<SeenCopy[]> {
  const kafka = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `copies-${randomUUID()}`, readUncommitted: false, maxWaitTimeInMs: 100 });
  const seen: SeenCopy[] = [];
  let last = Date.now();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      last = Date.now();
      const text = (name: string): string | null => message.headers?.[name]?.toString() ?? null;
      seen.push({
        eventId: text('event-id') ?? '',
        replayId: text('outbox-replay-id'),
        count: text('outbox-replay-count'),
        partition,
        offset: message.offset,
      });
      return Promise.resolve();
    },
  });
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline && !(seen.length >= expected && Date.now() - last > 700)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await consumer.disconnect();
  return seen;
}
