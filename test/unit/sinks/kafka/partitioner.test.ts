import fc from 'fast-check';
import murmur2OfKafkajs from 'kafkajs/src/producer/partitioners/default/murmur2';
import { messageKey, murmur2, partitionOf, withPlainKey } from '../../../../src/sinks/kafka/partitioner';
import { outboxEvent } from '../../../support/kafka-events';

describe('partitioner', () => {
  // Values of org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('hashes %s as the Java client does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('hashes any bytes as kafkajs does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(murmur2(bytes)).toBe(murmur2OfKafkajs(Buffer.from(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('chooses a partition that exists', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 1_000 }), (key, count) => {
        const partition = partitionOf(key, count);
        expect(partition >= 0 && partition < count).toBe(true);
      }),
    );
  });

  it('puts the tenant in front of the key, unless the plain style was asked for', () => {
    const keyed = outboxEvent(1, { key: 'order-42' });
    const keyless = outboxEvent(1, { key: null, dedupeKey: 'd-1' });
    expect(String(messageKey(keyed, () => 'tenant'))).toBe('acme:order-42');
    expect(String(messageKey(keyless, () => 'tenant'))).toBe('acme:d-1');
    expect(String(messageKey(keyed, () => 'plain'))).toBe('order-42');
    expect(String(messageKey(keyless, () => 'plain'))).toBe('acme:d-1');
  });

  it('a tenant’s plain keys add to those of the deployment', () => {
    const deployment = (_: string, topic: string): 'plain' | 'tenant' => (topic === 'bills' ? 'plain' : 'tenant');
    const styles = (plainKey?: readonly string[]): string[] =>
      ['bills', 'orders', 'others'].map((topic) => withPlainKey(deployment, plainKey)('acme', topic));
    expect(styles()).toEqual(['plain', 'tenant', 'tenant']);
    expect(styles([])).toEqual(['plain', 'tenant', 'tenant']);
    expect(styles(['orders'])).toEqual(['plain', 'plain', 'tenant']);
    expect(styles(['*'])).toEqual(['plain', 'plain', 'plain']);
  });
});
