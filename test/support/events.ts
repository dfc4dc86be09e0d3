import type { NewEvent } from '../../src/postgres/enqueue';
import { insertMany } from '../../src/postgres/enqueue';
import type { PublisherRef } from '../../src/domain/publisher';
import type { Db } from '../../src/postgres/query';

export function kafkaOf(tenant: string): PublisherRef {
  return { tenant, destination: 'kafka', shard: 0 };
}

/** An event with everything optional left out. */
export function someEvent(tenant: string, overrides: Partial<NewEvent> = {}): NewEvent {
  return {
    tenant,
    topic: 'orders',
    type: 'order.created',
    key: null,
    dedupeKey: null,
    headers: null,
    payload: Buffer.from('{}'),
    contentType: 'application/json',
    ...overrides,
  };
}

/** Enqueues `count` plain events and returns their ids, ascending. */
export async function enqueueSome(db: Db, tenant: string, count: number): Promise<string[]> {
  const results = await insertMany(
    db,
    Array.from({ length: count }, () => someEvent(tenant)),
  );
  return results.map((result) => {
    if (result.id === null || result.code !== null) throw new Error(`not enqueued: ${result.reason}`);
    return result.id;
  });
}
