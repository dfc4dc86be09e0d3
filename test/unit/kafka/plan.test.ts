import fc from 'fast-check';
import { planParts, placesOf, topicPartitions } from '../../../src/kafka/transaction/plan';
import { messageKey, partitionOf } from '../../../src/sinks/kafka/partitioner';
import type { TopicInfo } from '../../../src/sinks/kafka/topic-directory';
import { outboxEvent } from '../../support/kafka-events';

const healthy = (leaders: number[]): TopicInfo => ({
  ...{ state: 'healthy', leaders, inSync: leaders.map(() => 1), minInSync: 1, maxBatchBytes: 1_000_000 },
});
const TOPICS: ReadonlyMap<string, TopicInfo> = new Map([
  ['one', healthy([1])],
  ['six', healthy([1, 2, 3, 1, 2, 3])],
  ['lame', healthy([1, -1, 2])],
  ['gone', { state: 'missing', reason: 'It does not exist. Create it.' }],
]);

const groups = fc
  .array(fc.array(fc.constantFrom('one', 'six', 'lame', 'gone', 'unknown'), { maxLength: 12 }), { maxLength: 6 })
  .map((topics) =>
    topics.map((own, group) => {
      const tenant = `t-${group % 4}`;
      const events = own.map((topic, i) => outboxEvent(group * 100 + i, { tenant, topic }));
      const publisher = { tenant, destination: 'kafka', shard: 0 };
      return { publisher, events, fingerprints: own.map((_, i) => i), ...(group % 2 === 0 && { plainKey: ['six'] }) };
    }),
  );

describe('the plan of a relay’s batch', () => {
  it('puts every event into exactly one part or refusal, where its key belongs, in the order of the batch', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const { parts, refusals } = planParts({ seq: 1, fence: 1, groups: all }, TOPICS, () => 'tenant');
        const placed = [...parts.flatMap(placesOf), ...refusals.flatMap(({ events }) => events)];
        const expected = all.flatMap(({ events }, group) => events.map((_, index) => `${group}/${index}`));
        expect(placed.map(({ group, index }) => `${group}/${index}`).sort()).toEqual(expected.sort());
        for (const part of parts) {
          const order = placesOf(part).map(({ group, index }) => group * 1_000 + index);
          expect(order).toEqual([...order].sort((a, b) => a - b));
          expect(part.leader).toBeGreaterThan(0);
          for (const [i, { group, index }] of placesOf(part).entries()) {
            const event = all[group]?.events[index];
            const style = all[group]?.plainKey?.includes(part.topic) === true ? 'plain' : 'tenant';
            const key = messageKey(event!, () => style);
            expect(part.events[i]).toEqual({ event, key });
            const info = TOPICS.get(part.topic);
            expect(part.partition).toBe(partitionOf(key, info?.state === 'healthy' ? info.leaders.length : 0));
          }
        }
        const named = topicPartitions(parts).flatMap(({ topic, partitions }) => partitions.map((p) => `${topic}/${p}`));
        expect(named).toEqual(parts.map(({ topic, partition }) => `${topic}/${partition}`));
        expect(new Set(named).size).toBe(parts.length);
      }),
    );
  });

  it('refuses only what cannot go, and says why', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const { refusals } = planParts({ seq: 1, fence: 1, groups: all }, TOPICS, () => 'tenant');
        for (const { topic, partition, code, byItself } of refusals) {
          const known = {
            gone: 'KAFKA_TOPIC_MISSING',
            unknown: 'KAFKA_TOPIC_MISSING',
            lame: 'KAFKA_TOPIC_UNAVAILABLE',
          };
          expect(code).toBe(known[topic as keyof typeof known]);
          expect(partition).toBe(topic === 'lame' ? 1 : null);
          expect(byItself).toBe(false);
        }
      }),
    );
  });
});
