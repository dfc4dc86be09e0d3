import { countByStatus, getEvent } from '../../../src/postgres/events';
import { heldKeys } from '../../../src/postgres/held-keys';
import { releaseKey, retryEvents, skipEvents } from '../../../src/postgres/operator-actions';
import { readPublisher } from '../../../src/postgres/publishers';
import { undelivered } from '../../../src/postgres/undelivered';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf, someEvent } from '../../support/events';
import { RelayRows } from '../../support/relay-rows';
import { insertMany } from '../../../src/postgres/enqueue';

let database: TestDatabase;
let relay: RelayRows;
let tenant: string;
let count = 0;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await RelayRows.take(database.pool);
});
afterAll(() => database.drop());
beforeEach(async () => {
  tenant = `t${++count}`;
  await database.pool.query('insert into outbox.tenants (tenant_id) values ($1)', [tenant]);
});

const db = () => database.pool;
const ref = () => kafkaOf(tenant);
const refusals = (...codes: [string | undefined, string][]) => codes.map(([eventId, code]) => ({ eventId, code }));

describe('operator actions', () => {
  it('refuse what may be on its way, and what they cannot do, each with its code', async () => {
    const [a, b, c, d, e] = (await enqueueSome(db(), tenant, 5)) as [string, string, string, string, string];
    await relay.publish(tenant, [a]);
    await relay.park(tenant, d);
    await relay.attach(tenant);
    const unknown = '999999999999';
    expect(await skipEvents(db(), tenant, [a, b, c, d, unknown, 'x'], 'why')).toEqual({
      changed: [d],
      before: [{ eventId: d, status: 'failed', errorCode: 'EVENT_TOO_LARGE' }],
      refused: refusals(
        [a, 'already_published'],
        [b, 'in_flight'],
        [c, 'in_flight'],
        [unknown, 'not_found'],
        ['x', 'not_found'],
      ),
      wake: [ref()],
    });
    expect(await retryEvents(db(), tenant, [a, b, d])).toEqual({
      changed: [],
      before: [],
      refused: refusals([a, 'not_failed'], [b, 'in_flight'], [d, 'not_failed']),
      wake: [],
    });
    await relay.detach(tenant);
    expect(await skipEvents(db(), tenant, [e], 'why')).toMatchObject({ changed: [e], before: [{ status: 'pending' }] });
    expect((await skipEvents(db(), tenant, [d], 'again')).refused).toEqual(refusals([d, 'already_skipped']));
    expect(await countByStatus(db(), tenant)).toEqual({ pending: 2, published: 1, failed: 0, skipped: 2 });
    expect(await getEvent(db(), tenant, e)).toMatchObject({
      error: { code: 'SKIPPED', reason: 'Skipped by an operator: why.' },
    });
    expect(await getEvent(db(), tenant, d)).toMatchObject({
      error: { code: 'EVENT_TOO_LARGE', reason: 'Skipped by an operator: why. Before: too large' },
    });
  });

  it("never touch another tenant's events", async () => {
    const [other] = (await enqueueSome(db(), tenant, 1)) as [string];
    await database.pool.query('insert into outbox.tenants (tenant_id) values ($1)', [`${tenant}-x`]);
    expect((await skipEvents(db(), `${tenant}-x`, [other], 'why')).refused).toEqual(refusals([other, 'not_found']));
    expect(await countByStatus(db(), tenant)).toMatchObject({ pending: 1, skipped: 0 });
  });

  it('the row that says who did it is written with the change, or neither is', async () => {
    const [a] = (await enqueueSome(db(), tenant, 1)) as [string];
    const fails = () => Promise.reject(new Error('no audit, no change'));
    await expect(skipEvents(db(), tenant, [a], 'why', fails)).rejects.toThrow('no audit');
    expect(await countByStatus(db(), tenant)).toMatchObject({ pending: 1, skipped: 0 });
  });

  it('a retried event keeps the count of refusals, and is found again', async () => {
    const [a, b] = (await enqueueSome(db(), tenant, 2)) as [string, string];
    await relay.park(tenant, a, b);
    await retryEvents(db(), tenant, [a, b]);
    await relay.attach(tenant);
    const { events } = await relay.claim(tenant);
    expect(events.map(({ event: { id, attempts } }) => [id, attempts])).toEqual([
      [a, 1],
      [b, 1],
    ]);
    await relay.detach(tenant);
  });

  it('wakes of a held publisher cannot be lost: it counts as sleeping afterwards', async () => {
    const [a] = (await enqueueSome(db(), tenant, 1)) as [string];
    await relay.park(tenant, a);
    await database.pool.query(`update outbox.publishers set state = 'held' where tenant_id = $1`, [tenant]);
    await retryEvents(db(), tenant, [a]);
    expect(await readPublisher(db(), ref())).toMatchObject({ state: 'sleeping' });
  });

  it('lists held keys in pages, and releases one', async () => {
    const results = await insertMany(
      db(),
      ['a', 'a', 'b', 'c'].map((key) => someEvent(tenant, { key })),
    );
    const ids = results.map(({ id }) => id ?? '') as [string, string, string, string];
    await relay.park(tenant, ids[0], ids[2], ids[3]);
    const page = await heldKeys(db(), { tenant, limit: 2 });
    expect(page).toMatchObject({ keys: [{ key: 'a', parkedEventId: ids[0] }, { key: 'b' }], next: { key: 'b' } });
    expect(await heldKeys(db(), { tenant, limit: 2, after: page.next })).toMatchObject({
      keys: [{ key: 'c' }],
      next: null,
    });
    expect(await releaseKey(db(), tenant, 'a', { action: 'skip', why: 'x' })).toMatchObject({ changed: [ids[0]] });
    expect((await heldKeys(db(), { tenant })).keys.map(({ key }) => key)).toEqual(['b', 'c']);
    await database.pool.query(`update outbox.publishers set limits = '{"onPoison": "skip"}' where tenant_id = $1`, [
      tenant,
    ]);
    expect((await heldKeys(db(), { tenant })).keys).toEqual([]);
  });

  it('tells what is not published, and why', async () => {
    const [a] = (await enqueueSome(db(), tenant, 3)) as [string];
    await relay.park(tenant, a);
    const reasons = async () => (await undelivered(db(), tenant))[0]?.reasons;
    expect(await reasons()).toMatchObject([
      { reason: 'failed', errorCode: 'EVENT_TOO_LARGE', topic: 'orders', count: 1, exact: true },
      { reason: 'pending', errorCode: null, topic: 'orders', count: 2, exact: true },
    ]);
    await database.pool.query(`update outbox.publishers set state = 'paused' where tenant_id = $1`, [tenant]);
    expect(await reasons()).toMatchObject([{ reason: 'failed' }, { reason: 'paused', count: 2 }]);
  });
});
