import { countByStatus } from '../../../src/postgres/events';
import { readPublisher } from '../../../src/postgres/publishers';
import { purgeEvents } from '../../../src/postgres/retention';
import { deleteTenant } from '../../../src/postgres/tenant-deletion';
import { createTenant } from '../../../src/postgres/tenants';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { kafkaOf } from '../../support/events';
import { until } from '../../support/fault-run';
import { readTopic } from '../../support/read-topic';

const ORDER = { by: 'test', why: 'a test', endWorkflows: () => Promise.resolve() };
const HOUR = 3_600_000;

/** What ends events and tenants, beside relays that have their publishers. */
describe('retention and deletion with relays', () => {
  let rig: RelayRig;
  beforeEach(async () => {
    rig = await createRelayRig('acme', 'other');
  });
  afterEach(() => rig.close());

  const published = (tenant: string, events: number): Promise<void> =>
    until('they are published', async () => (await countByStatus(rig.db.pool, tenant)).published === events);
  const rowsOf = async (table: string): Promise<number> => {
    const { rows } = await rig.db.pool.query<{ n: number }>(
      `select count(*)::int as n from outbox.${table} where tenant_id = 'acme'`,
    );
    return rows[0]?.n ?? 0;
  };

  it('a tenant is deleted although its publisher is attached, which is asked back; one of its name starts clean', async () => {
    const worker = rig.worker('w1', { lingerMs: 60_000 });
    await rig.store('acme', 5);
    await rig.store('other', 5);
    const [acme] = [rig.drain(worker, 'acme'), rig.drain(worker, 'other')];
    await published('acme', 5);
    await published('other', 5);
    const order = { ...ORDER, force: false };
    expect(await deleteTenant(rig.db.pool, 'acme', order)).toEqual({ kind: 'deleted', skipped: 0, removed: 5 });
    expect(await acme).toMatchObject({ end: 'paused', published: 5 });
    for (const table of ['publishers', 'relay_counts', 'events']) expect(await rowsOf(table)).toBe(0);
    await expect(rig.drain(worker, 'acme')).rejects.toThrow('stopped');

    await createTenant(rig.db.pool, 'acme');
    await rig.store('acme', 2);
    await rig.store('other', 1);
    void rig.drain(worker, 'acme');
    await published('acme', 2);
    await published('other', 6);
    expect(await readTopic(rig.topic, 13)).toHaveLength(13);
  });

  it('a forced deletion skips nothing that is on its way', async () => {
    const worker = rig.worker('w1', { lingerMs: 60_000 });
    const drained = rig.drain(worker, 'acme');
    const stored = rig.store('acme', 3_000);
    const deleted = await stored.then(() => deleteTenant(rig.db.pool, 'acme', { ...ORDER, force: true }));
    expect(deleted).toMatchObject({ kind: 'deleted', removed: 3_000 });
    const { skipped } = deleted as { skipped: number };
    const outcome = await drained;
    expect(outcome.published).toBe(3_000 - skipped);
    expect(await readTopic(rig.topic, outcome.published)).toHaveLength(outcome.published);
    expect(await rowsOf('unsettled')).toBe(0);
  });

  it('is refused while a relay was not taken over on this server: what it committed is unknown', async () => {
    const worker = rig.worker('w1');
    await rig.store('acme', 1);
    await rig.drain(worker, 'acme');
    await worker.stop();
    await rig.db.pool.query(`update outbox.relays set recovered_on = 'an older server' where relay = 1`);
    expect(await deleteTenant(rig.db.pool, 'acme', { ...ORDER, force: true })).toMatchObject({
      kind: 'refused',
      reason: 'in_doubt',
      detail: expect.stringContaining('delete the tenant again then'),
    });
  }, 20_000);

  it('retention leaves what could not be marked yet, and the account stays whole', async () => {
    const worker = rig.worker('w1');
    const ids = await rig.store('acme', 4);
    await rig.drain(worker, 'acme');
    await worker.stop();
    await rig.db.pool.query(
      `update outbox.events set created_at = created_at - interval '2 hours', published_at = published_at - interval '2 hours'`,
    );
    await rig.db.pool.query(
      `update outbox.events set status = 'skipped', skipped_at = published_at where event_id = any ($1)`,
      [ids.slice(2)],
    );
    await rig.db.pool.query(
      `insert into outbox.unsettled (tenant_id, event_id, fingerprint, relay, seq) values ('acme', $1, 1, 0, 1)`,
      [ids[3]],
    );
    expect(await purgeEvents(rig.db.pool, 'acme', HOUR, ids)).toMatchObject({ published: 2, skipped: 1 });
    expect(await countByStatus(rig.db.pool, 'acme')).toEqual({ pending: 0, published: 0, failed: 0, skipped: 1 });
    const { rows } = await rig.db.pool.query(
      `select c.published::int as settled, p.published::int as published, p.skipped::int as skipped
       from outbox.relay_counts c join outbox.purged p using (tenant_id)`,
    );
    expect(rows).toEqual([{ settled: 4, published: 2, skipped: 1 }]);
    expect(await readPublisher(rig.db.pool, kafkaOf('acme'))).not.toBeNull();
  });
});
