import { randomUUID } from 'node:crypto';
import { withAdmin } from '../../faults/harness/topics';
import { until } from '../../faults/harness/waiting';
import { startKafkaCluster } from '../../faults/servers/kafka-cluster';
import type { KafkaCluster } from '../../faults/servers/kafka-cluster';
import type { Placement } from '../../src/kafka/transaction/types';
import { outboxEvent } from '../support/kafka-events';
import { openRelay, relayBatch, relayKafka, RELAYS } from '../support/relay-kafka';
import { createLedTopics } from '../../src/kafka/create-topics';

const PARTITIONS = 6;

/** Three brokers: what one alone cannot show. The rest of it is `npm run faults -- --only cluster-nodes-down`. */
describe('a broker of three dies for good', () => {
  let cluster: KafkaCluster;
  const topic = `cluster-${randomUUID()}`;
  beforeAll(async () => {
    cluster = await startKafkaCluster();
    await withAdmin(cluster.addresses, (admin) => createLedTopics(admin, [{ topic, numPartitions: PARTITIONS }]));
  }, 180_000);
  afterAll(() => cluster.stop());

  it('and the next transaction goes to the new leaders, not to the one that was remembered', async () => {
    const kafka = relayKafka(cluster.addresses.split(','));
    try {
      await kafka.ensureLedger({ partitions: RELAYS, singleBroker: false });
      // All keys, so that every partition is sent to and every leader is remembered.
      const events = (from: number) =>
        Array.from({ length: 60 }, (_, i) =>
          outboxEvent(from + i, { topic, key: `key-${i}`, createdAt: new Date().toISOString() }),
        );
      const first = await (await openRelay(kafka, 1)).producer.transact(relayBatch(1, events(0)));
      expect(first.kind).toBe('committed');
      cluster.nodes[1]?.kill('kafka', 'SIGKILL');
      const living = [cluster.nodes[0], cluster.nodes[2]].map((node) => node?.kafkaBrokers).join(',');
      await until('new leaders of all partitions', () =>
        withAdmin(living, async (admin) => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
          return topics[0]?.partitions.every(({ leader }) => leader === 1 || leader === 3) ?? false;
        }).catch(() => false),
      );
      // The coordinator of the transactional id moves in its own time: the relay is taken over again. Leaders that were remembered would be
      // so for three minutes, far longer than this waits.
      let found: readonly Placement[] = [];
      let last: unknown;
      await until('a transaction on the new leaders', async () => {
        try {
          const { producer } = await openRelay(kafka, 1);
          const result = await producer.transact(relayBatch(2, events(100)));
          if (result.kind === 'committed') found = result.places[0] ?? [];
          else last = result;
        } catch (error) {
          last = error;
        }
        return found.length > 0;
      }).catch((error: unknown) => {
        throw new Error('no transaction on the new leaders', { cause: last ?? error });
      });
      expect(new Set(found.map(({ partition }) => partition)).size).toBe(PARTITIONS);
    } finally {
      kafka.close();
    }
  }, 120_000);
});
