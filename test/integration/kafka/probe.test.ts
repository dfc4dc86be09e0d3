import { randomUUID } from 'node:crypto';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { contents, createTopic } from '../../support/kafka';
import { relayKafka } from '../../support/relay-kafka';
import { testServers } from '../../support/stack';

describe('a probe of partitions', () => {
  const brokers = testServers().kafkaBrokers;
  let kafka: RelayKafka;
  let topic: string;

  beforeEach(async () => {
    kafka = relayKafka(brokers);
    topic = await createTopic(brokers, 6);
  });
  afterEach(() => kafka.close());

  it('finds healthy ones clear, again and again, and leaves nothing to read', async () => {
    const topics = [{ topic, partitions: [0, 1, 2, 3, 4, 5] }];
    for (let round = 0; round < 3; round += 1) {
      expect(await kafka.probe('w1', topics, 10_000)).toEqual({ kind: 'clear' });
    }
    expect(await contents(brokers, topic)).toEqual({ committed: [], aborted: [], undecided: 0 });
  });

  it('names a topic that is not there, or a partition beyond, and is ready for the next', async () => {
    const missing = `missing-${randomUUID()}`;
    for (const wrong of [
      { topic: missing, partitions: [0] },
      { topic, partitions: [17] },
    ]) {
      expect(await kafka.probe('w1', [wrong], 10_000)).toMatchObject({
        kind: 'refused',
        topic: wrong.topic,
        code: 'KAFKA_TOPIC_MISSING',
      });
    }
    expect(await kafka.probe('w1', [{ topic, partitions: [1] }], 10_000)).toEqual({ kind: 'clear' });
  });

  it('of several workers at once does not disturb the others', async () => {
    const topics = [{ topic, partitions: [0, 1] }];
    const found = await Promise.all(['w1', 'w2', 'w3'].map((slot) => kafka.probe(slot, topics, 10_000)));
    expect(found).toEqual([{ kind: 'clear' }, { kind: 'clear' }, { kind: 'clear' }]);
  });
});
