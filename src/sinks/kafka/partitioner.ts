import type { OutboxEvent } from '../../domain/event';
import type { PlainKey } from '../../domain/plain-key';
import type { KafkaSettings } from './options';

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** The murmur2 hash of Kafka's Java client (org.apache.kafka.common.utils.Utils.murmur2), as a signed 32-bit integer. */
export function murmur2(data: Uint8Array): number {
  const { length } = data;
  const whole = length & ~3;
  let h = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    let k = byte(data, i) | (byte(data, i + 1) << 8) | (byte(data, i + 2) << 16) | (byte(data, i + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length - whole;
  if (rest > 2) h ^= byte(data, whole + 2) << 16;
  if (rest > 1) h ^= byte(data, whole + 1) << 8;
  if (rest > 0) h = Math.imul(h ^ byte(data, whole), M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

function byte(data: Uint8Array, index: number): number {
  return data[index] as number;
}

/** The partition that Kafka's Java client gives a message with this key. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/**
 * The message key: `<tenant>:<ordering key>`, or `<tenant>:<dedupe key>` for an event without one, so that tenants who
 * share a topic never share keys. Style `plain` gives the ordering key alone, where there is one.
 */
export function messageKey(event: OutboxEvent, keyStyle: KafkaSettings['keyStyle']): Buffer {
  if (event.key === null) return Buffer.from(`${event.tenant}:${event.dedupeKey}`);
  return Buffer.from(keyStyle(event.tenant, event.topic) === 'plain' ? event.key : `${event.tenant}:${event.key}`);
}

/** The deployment's key style, and plain also for what a tenant's setting names. */
export function withPlainKey(
  keyStyle: KafkaSettings['keyStyle'],
  plainKey: PlainKey | undefined,
): KafkaSettings['keyStyle'] {
  if (plainKey === undefined || plainKey.length === 0) return keyStyle;
  if (plainKey.includes('*')) return () => 'plain';
  const topics = new Set(plainKey);
  return (tenant, topic) => (topics.has(topic) ? 'plain' : keyStyle(tenant, topic));
}
