import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { TopicReader } from '../../src/sinks/kafka/topic-reader';
import type { AuditedRecord } from '../../src/sinks/kafka/topic-reader';
import { createLedTopics } from '../../src/kafka/create-topics';

/** A message as a consumer of kafkajs sees it. */
export interface ConsumedMessage {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: string;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

export function quietKafka(brokers: string[]): Kafka {
  return new Kafka({ brokers, logLevel: logLevel.NOTHING });
}

/** Creates a topic with a name of its own and returns it. */
export async function createTopic(
  brokers: string[],
  partitions = 6,
  config: Readonly<Record<string, string>> = {},
): Promise<string> {
  const topic = `t-${randomUUID()}`;
  const admin = quietKafka(brokers).admin();
  await admin.connect();
  try {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await createLedTopics(admin, [{ topic, numPartitions: partitions, configEntries }]);
  } finally {
    await admin.disconnect();
  }
  return topic;
}

/** Reads `count` messages of a topic from its start with a `read_committed` consumer of kafkajs. */
export async function consume(brokers: string[], topic: string, count: number): Promise<ConsumedMessage[]> {
  const consumer = quietKafka(brokers).consumer({ groupId: randomUUID(), readUncommitted: false });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise<ConsumedMessage[]>((resolve, reject) => {
      const messages: ConsumedMessage[] = [];
      consumer
        .run({
          eachMessage: ({ partition, message }) => {
            messages.push({
              partition,
              offset: message.offset,
              timestamp: message.timestamp,
              key: message.key?.toString() ?? null,
              value: message.value,
              headers: Object.fromEntries(
                Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
              ),
            });
            if (messages.length === count) resolve(messages);
            return Promise.resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

/**
 * Everything in a topic now, told apart. Waits at most `undecidedMs` for open transactions: also after a commit was
 * acknowledged it takes some ms until its markers are written.
 */
export async function contents(
  brokers: string[],
  topic: string,
  undecidedMs = 5_000,
): Promise<{ committed: AuditedRecord[]; aborted: AuditedRecord[]; undecided: number }> {
  const committed: AuditedRecord[] = [];
  const aborted: AuditedRecord[] = [];
  const reader = await TopicReader.open({ brokers }, [topic], {
    committed: (_topic, _partition, record) => void committed.push(record),
    aborted: (_topic, _partition, record) => void aborted.push(record),
  });
  try {
    const undecided = await reader.readToEnd(undecidedMs);
    return { committed, aborted, undecided: undecided.length };
  } finally {
    await reader.close();
  }
}
