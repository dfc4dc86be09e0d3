import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';
import { OutboxError } from '../domain/errors';

const LEADERS_MS = 30_000;
const LOOK_MS = 50;

/**
 * Creates topics and waits until each partition has a leader. kafkajs' own wait throws when its first look comes before the broker that it asks
 * has heard of the topic. Rejects with KAFKA_TIMEOUT after 30 s, and with what Kafka said to the creation.
 */
export async function createLedTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics: [...topics], waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  const until = Date.now() + LEADERS_MS;
  while (!(await areLed(admin, names))) {
    if (Date.now() > until) {
      const text = `Topics ${names.join(', ')} have no leaders after ${LEADERS_MS} ms. Check the brokers.`;
      throw new OutboxError('KAFKA_TIMEOUT', text);
    }
    await delay(LOOK_MS);
  }
}

async function areLed(admin: Admin, names: string[]): Promise<boolean> {
  const { topics } = await admin.fetchTopicMetadata({ topics: names }).catch(() => ({ topics: [] }));
  return (
    topics.length === names.length &&
    topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))
  );
}
