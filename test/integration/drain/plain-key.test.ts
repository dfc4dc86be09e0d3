import { randomUUID } from 'node:crypto';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { eventsByIds } from '../../../src/postgres/claims';
import { getEvent } from '../../../src/postgres/events';
import { takeOver } from '../../../src/postgres/publishers';
import { partitionOf } from '../../../src/sinks/kafka/partitioner';
import { createDrainRig, readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

/**
 * Two keys, each on the partition that the other one has in the other style: with the wrong style their events would get
 * each other's places, and only the checksum tells.
 */
function swapped(): [string, string] {
  const keys = Array.from({ length: 100 }, (_, i) => `key-${i}`);
  const places = (key: string): number[] => [`acme:${key}`, key].map((text) => partitionOf(Buffer.from(text), 3));
  for (const key of keys) {
    const [tenantStyle, plain] = places(key);
    const other = keys.find((name) => places(name)[0] === plain && places(name)[1] === tenantStyle);
    if (tenantStyle !== plain && other !== undefined) return [key, other];
  }
  throw new Error('no such keys');
}

describe('plain keys of a tenant', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme');
  });
  afterEach(() => rig.close());

  /** A batch that Kafka committed with plain keys, and that nobody settled. */
  const commitPlain = async (count: number) => {
    const keys = swapped();
    const ids = await rig.store('acme', count, (index) => ({ key: keys[index % keys.length] ?? null }));
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const batchId = randomUUID();
    const session = rig.sink.open(REF);
    await session.takeOver();
    const { fence, revision } = row;
    const recorded = { ref: REF, fence, seq: 1, revision, batchId, grantId: 'g', eventIds: ids, bytes: 1 };
    await recordBatch(rig.db.pool, recorded);
    const batch = { batchId, seq: 1, events: await eventsByIds(rig.db.pool, 'acme', ids) };
    const places = await session.publish(batch, { deadlineMs: 8_000, plainKey: ['*'] });
    await session.discard();
    return { ids, places };
  };

  it('each drain sends under its own request, also with a session that was kept from the drain before', async () => {
    const worker = rig.worker('w1');
    const [plain] = await rig.store('acme', 1, () => ({ key: 'k' }));
    await rig.drain(worker, { plainKey: [rig.topic] });
    expect(worker.sessions.size).toBe(1);
    const [other] = await rig.store('acme', 1, () => ({ key: 'k' }));
    await rig.drain(worker, { plainKey: ['another-topic'] });
    const [all, keyless] = await rig.store('acme', 2, (index) => ({ key: index === 0 ? 'k' : null }));
    await rig.drain(worker, { plainKey: ['*'] });
    const [none] = await rig.store('acme', 1, () => ({ key: 'k' }));
    await rig.drain(worker);

    const seen = new Map((await readTopic(rig.topic, 5)).map((message) => [message.eventId, message]));
    const keyOf = (id = ''): string | undefined => seen.get(id)?.key;
    expect([plain, other, all, none].map(keyOf)).toEqual(['k', 'acme:k', 'k', 'acme:k']);
    expect(keyOf(keyless)).toMatch(/^acme:./);
    // The places that were settled are those of the keys that were sent.
    for (const [id, { partition, offset }] of seen) {
      expect(await getEvent(rig.db.pool, 'acme', id)).toMatchObject({ status: 'published', partition, offset });
    }
  });

  it('a committed batch is settled with its places by a drain of the same setting', async () => {
    const { ids, places } = await commitPlain(9);
    expect(await rig.drain(rig.worker('w2'), { plainKey: [rig.topic] })).toMatchObject({ published: 9, batches: 0 });
    for (const [i, id] of ids.entries()) {
      expect(await getEvent(rig.db.pool, 'acme', id)).toMatchObject({ status: 'published', ...places[i] });
    }
  });

  it('a committed batch whose setting changed is settled without places rather than with wrong ones', async () => {
    const { ids } = await commitPlain(10);
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 10, batches: 0 });
    expect(await readTopic(rig.topic, 10)).toHaveLength(10);
    expect(await unsettledBatches(rig.db.pool, REF)).toEqual([]);
    for (const id of ids) {
      expect(await getEvent(rig.db.pool, 'acme', id)).toMatchObject({
        status: 'published',
        partition: null,
        offset: null,
      });
    }
  });
});
