import { randomUUID } from 'node:crypto';
import type { BenchEvent } from './events';

export interface PlainMessage {
  readonly key: string;
  readonly value: Buffer;
  readonly timestamp: string;
  readonly headers: Record<string, string>;
}

const BATCH = `${randomUUID().replaceAll('-', '').slice(0, 12)}/relay-1@1`;

/** The Kafka message that the product makes of this event: the same key, value and twelve headers of the same sizes. */
export function asMessage(event: BenchEvent, index: number): PlainMessage {
  const createdAt = new Date();
  return {
    key: `${event.tenant}:${event.key}`,
    value: event.payload,
    timestamp: String(createdAt.getTime()),
    headers: {
      'tenant-id': event.tenant,
      'dedupe-key': event.dedupeKey,
      'event-id': String(index + 1),
      'event-type': event.type,
      'event-topic': event.topic,
      'event-created-at': createdAt.toISOString(),
      'content-type': event.contentType,
      'retry-count': '0',
      'processing-attempt': '1',
      'x-timestamp-ms': String(createdAt.getTime()),
      'x-schema-version': '1.0',
      'x-producer-id': BATCH,
    },
  };
}
