import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { createLedTopics } from '../../src/kafka/create-topics';

/** Runs `work` with an admin client of its own. */
export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({
    clientId: 'fault-harness',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
  }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Topics that no other run on the same broker uses. `limits` = max.message.bytes of a topic, where it matters. */
export async function createTopics(
  brokers: string,
  topics: readonly string[],
  limits: Readonly<Record<string, number>> = {},
): Promise<void> {
  await withAdmin(brokers, (admin) =>
    createLedTopics(
      admin,
      topics.map((topic) => ({
        topic,
        numPartitions: 4,
        ...(limits[topic] !== undefined && {
          configEntries: [{ name: 'max.message.bytes', value: String(limits[topic]) }],
        }),
      })),
    ),
  );
}

/** Lowers or raises a topic's max.message.bytes. */
export async function limitTopic(brokers: string, topic: string, maxMessageBytes: number): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: String(maxMessageBytes) }];
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
    }),
  );
}
