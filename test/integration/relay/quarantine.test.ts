import { until } from '../../../faults/harness/waiting';
import { insertMany } from '../../../src/postgres/enqueue';
import type { NewEvent } from '../../../src/postgres/enqueue';
import { someEvent } from '../../support/events';
import { contents, createTopic } from '../../support/kafka';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { testServers } from '../../support/stack';

const ROUNDS = 6;

/** Kafka refuses one tenant's records again and again, with good ones in between, while another tenant sends all the time. */
describe('a tenant whose records are refused', () => {
  const brokers = testServers().kafkaBrokers;
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('poison', 'healthy');
  });
  afterAll(() => rig.close());

  it('costs others one transaction, and only what was refused by itself is parked', async () => {
    const topic = await createTopic(brokers, 4, { 'message.timestamp.before.max.ms': '600000' });
    const worker = rig.worker('w1', { lingerMs: 600_000, drainMaxMs: 600_000 });
    await until('a relay that runs', () => worker.states().some(({ state }) => state === 'running'));
    void rig.drain(worker, 'poison', { maxAttempts: 1 });
    void rig.drain(worker, 'healthy');
    await until('both attached', () => worker.states().some(({ publishers }) => publishers === 2));

    const quarantined = (): boolean => rig.notes.includes('quarantine of poison begins');
    let stop = false;
    const before: string[] = [];
    const after: string[] = [];
    const traffic = (async () => {
      for (let i = 0; !stop; i += 1) {
        const late = quarantined();
        (late ? after : before).push(...(await rig.store('healthy', 3, (k) => ({ topic, key: `h-${i % 3}-${k}` }))));
      }
    })();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let good = 0; good < 4; good += 1) {
        await rig.store('poison', 1, () => ({ topic, key: `good-${good}` }));
        await done('poison');
      }
      // Three at once, so that the refusals have to be told apart.
      await storeOld(
        rig,
        [0, 1, 2].map((k) => someEvent('poison', { topic, key: `bad-${round}-${k}` })),
      );
      await until('the refused ones to be parked', async () => (await count('poison', 'failed')) === 3 * (round + 1));
    }
    stop = true;
    await traffic;
    await done('healthy');

    const { committed, aborted } = await contents(brokers, topic);
    const ids = (records: typeof committed, tenant: string): string[] =>
      records.flatMap(({ headers }) => (String(headers['tenant-id']) === tenant ? [String(headers['event-id'])] : []));
    expect(ids(committed, 'healthy').sort()).toEqual([...before, ...after].sort());
    expect(ids(committed, 'poison')).toHaveLength(4 * ROUNDS);
    expect(after.length).toBeGreaterThan(10);
    // Those that were claimed with the first refused one are the only ones that had to be sent twice.
    const twice = ids(aborted, 'healthy').filter((id) => after.includes(id));
    expect(twice.filter((id) => after.indexOf(id) > 6)).toEqual([]);
  }, 120_000);

  async function count(tenant: string, status: string): Promise<number> {
    const { rows } = await rig.db.pool.query<{ n: number }>(
      'select count(*)::int as n from outbox.events where tenant_id = $1 and status = $2',
      [tenant, status],
    );
    return rows[0]?.n ?? 0;
  }

  async function done(tenant: string): Promise<void> {
    await until(`nothing of ${tenant} waiting`, async () => (await count(tenant, 'pending')) === 0);
  }
});

/** Older than the topic takes, from the moment that they can be seen. */
async function storeOld(rig: RelayRig, events: readonly NewEvent[]): Promise<void> {
  const client = await rig.db.pool.connect();
  try {
    await client.query('begin');
    const ids = (await insertMany(client, events)).map(({ id }) => id);
    await client.query(
      `update outbox.events set created_at = created_at - interval '1 hour' where tenant_id = 'poison' and event_id = any ($1::bigint[])`,
      [ids],
    );
    await client.query('commit');
  } finally {
    client.release();
  }
}
