import { withAdmin } from '../../faults/harness/topics';
import { startKafkaCluster } from '../../faults/servers/kafka-cluster';
import type { KafkaCluster } from '../../faults/servers/kafka-cluster';
import { isOutboxError } from '../../src/domain/errors';
import type { RelayKafka } from '../../src/kafka/relay-kafka';
import type { OutgoingRelayBatch } from '../../src/kafka/transaction/types';
import { contents, createTopic } from '../support/kafka';
import { openRelay, readAll, relayBatch, relayKafka, RELAYS, tenantsEvents } from '../support/relay-kafka';

const BATCHES = 40;

/** One relay's batches over three leaders, one of which is killed in between. */
describe('a relay’s producer on three brokers', () => {
  let cluster: KafkaCluster;
  let kafka: RelayKafka;

  beforeAll(async () => {
    cluster = await startKafkaCluster();
    kafka = relayKafka(cluster.addresses.split(','));
    await kafka.ensureLedger({ partitions: RELAYS });
  }, 180_000);
  afterAll(async () => {
    kafka.close();
    await cluster.stop();
  });

  it('loses and doubles nothing when a leader is killed, by what it answers and by the ledger', async () => {
    const brokers = cluster.addresses.split(',');
    const topic = await createTopic(brokers, 6);
    const leaders = async (addresses: string): Promise<number> => {
      const { topics } = await withAdmin(addresses, (admin) => admin.fetchTopicMetadata({ topics: [topic] }));
      return new Set(topics[0]?.partitions.map(({ leader }) => leader)).size;
    };
    expect(await leaders(cluster.addresses)).toBe(3);
    let fence = 1;
    let relay = await openRelay(kafka, 1, fence);
    const committed = async (seq: number): Promise<boolean> => {
      relay.producer.destroy();
      fence += 1;
      for (;;) {
        try {
          relay = await openRelay(kafka, 1, fence);
          const records = await readAll(relay.producer, -1, relay.barrier);
          return records.some(({ record }) => record.kind === 'batch' && record.seq === seq);
        } catch (error) {
          if (!isOutboxError(error)) throw error;
        }
      }
    };
    const send = async (batch: OutgoingRelayBatch): Promise<void> => {
      for (;;) {
        try {
          const result = await relay.producer.transact(batch);
          if (result.kind === 'committed' && !result.epochSpent) return;
          if (result.kind === 'refused' && !result.epochSpent) continue;
        } catch (error) {
          if (!isOutboxError(error)) throw error;
        }
        if (await committed(batch.seq)) return;
      }
    };
    for (let seq = 1; seq <= BATCHES; seq += 1) {
      if (seq === BATCHES / 2) cluster.nodes[2]?.kill('kafka', 'SIGKILL');
      const events = tenantsEvents(3, 30, { topic }).map((event) => ({
        ...event,
        id: `${seq * 100 + Number(event.id)}`,
      }));
      await send(relayBatch(seq, events, fence));
    }
    const { committed: read } = await contents(brokers.slice(0, 2), topic, 20_000);
    const ids = read.map(({ headers }) => String(headers['event-id']));
    expect(ids).toHaveLength(BATCHES * 30);
    expect(new Set(ids).size).toBe(BATCHES * 30);
    expect(await leaders(brokers.slice(0, 2).join(','))).toBe(2);
  }, 180_000);
});
