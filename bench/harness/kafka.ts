import { Kafka, logLevel } from 'kafkajs';
import type { Closing } from './closing';
import type { BenchServers } from './servers';
import { createLedTopics } from '../../src/kafka/create-topics';

/** kafkajs as it comes, for everything that is not the product. Errors that its retries do not heal reject. */
export function benchKafka(brokers: string): Kafka {
  return new Kafka({ clientId: 'bench', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
}

/** Creates topics with the broker's defaults; on a broker that others use too they are deleted at the end. */
export async function createTopics(
  servers: BenchServers,
  closing: Closing,
  topics: readonly string[],
  partitions: number,
): Promise<void> {
  const admin = benchKafka(servers.kafkaBrokers).admin();
  const connected = async (work: () => Promise<unknown>): Promise<void> => {
    await admin.connect();
    await work().finally(() => admin.disconnect());
  };
  await connected(() =>
    createLedTopics(
      admin,
      topics.map((topic) => ({ topic, numPartitions: partitions })),
    ),
  );
  if (!servers.embedded.includes('kafka')) {
    closing.add('topics', () => connected(() => admin.deleteTopics({ topics: [...topics] })));
  }
}
