import { createHash } from 'node:crypto';
import type { Acknowledged } from '../../src/audit/acknowledged';

/** A message as a consumer gets it, for tests of the auditor: correct unless a test changes it. */
export interface MadeMessage {
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer>;
}

export function acknowledgedEvent(number: number, changes: Partial<Acknowledged> = {}): Acknowledged {
  return {
    tenant: 'acme',
    id: String(number),
    dedupeKey: `dedupe-${number}`,
    topic: 'orders',
    type: 'order.created',
    key: 'order-1',
    order: number,
    payloadSha256: sha256(payloadOf(number)),
    ackedAt: '2026-01-01T00:00:00.000Z',
    source: 'test',
    ...changes,
  };
}

export function payloadOf(number: number): Buffer {
  return Buffer.from(JSON.stringify({ number }));
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The message that the publisher owes for `event`. */
export function messageOf(event: Acknowledged, value: Buffer | null = payloadOf(Number(event.id))): MadeMessage {
  const headers: Record<string, string> = {
    'tenant-id': event.tenant,
    'dedupe-key': event.dedupeKey,
    'event-id': event.id ?? '0',
    'event-type': event.type,
    'event-topic': event.topic,
    'event-created-at': '2026-01-01T00:00:00.000Z',
    'content-type': 'application/json',
    'retry-count': '0',
    'processing-attempt': '1',
    'x-timestamp-ms': '1767225600000',
    'x-schema-version': '1',
    'x-producer-id': '0a1b2c3d4e5f/relay-1@1',
    ...event.headers,
  };
  return {
    key: Buffer.from(`${event.tenant}:${event.key ?? event.dedupeKey}`),
    value,
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
  };
}
