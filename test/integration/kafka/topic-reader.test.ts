import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { TopicReader } from '../../../src/sinks/kafka/topic-reader';
import { testServers } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

const PARTITIONS = 40;
const MESSAGES = 20;
/** An answer has room for two partitions of the forty: which, is up to the broker and differs each time. */
const BYTES = { whole: 8 * 1024, partition: 4 * 1024 };

test('steps over nothing in partitions for which the answers had no room', async () => {
  const brokers = testServers().kafkaBrokers;
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const topic = `reader-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await createLedTopics(admin, [{ topic, numPartitions: PARTITIONS }]);
  const producer = kafka.producer();
  await producer.connect();
  const everywhere = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: 'x'.repeat(1_000) }));
  for (let sent = 0; sent < MESSAGES; sent += 1) await producer.send({ topic, messages: everywhere });
  await producer.disconnect();
  // A new topic's leaders are not all there at once, and a repeated send repeats what had arrived elsewhere.
  const written = (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)]);
  await admin.disconnect();

  const seen = new Map<number, number>();
  const visitor = {
    committed: (_topic: string, partition: number) => void seen.set(partition, (seen.get(partition) ?? 0) + 1),
    aborted: () => undefined,
  };
  const reader = await TopicReader.open({ brokers }, [topic], visitor, { bytes: BYTES });
  try {
    expect(await reader.readToEnd(10_000)).toEqual([]);
  } finally {
    await reader.close();
  }
  expect(new Map([...seen].sort())).toEqual(new Map(written.sort() as [number, number][]));
});
