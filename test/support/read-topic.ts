import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { testServers } from './stack';

export interface SeenMessage {
  readonly eventId: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: string;
  readonly producerId: string;
}

/** Reads a topic to its present end as a read_committed consumer. Ends when `expected` were seen and no more came. */
export async function readTopic(topic: string, expected: number): Promise<SeenMessage[]> {
  const kafka = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `read-${randomUUID()}`, readUncommitted: false, maxWaitTimeInMs: 100 });
  const seen: SeenMessage[] = [];
  let last = Date.now();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      last = Date.now();
      seen.push({
        eventId: String(message.headers?.['event-id']),
        key: String(message.key),
        partition,
        offset: message.offset,
        producerId: String(message.headers?.['x-producer-id']),
      });
      return Promise.resolve();
    },
  });
  const deadline = Date.now() + 20_000;
  // A duplicate would come after the last expected one: wait for silence, not only for the count.
  while (Date.now() < deadline && !(seen.length >= expected && Date.now() - last > 700)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await consumer.disconnect();
  return seen;
}
