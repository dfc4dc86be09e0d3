import { readPublisher } from '../../../src/postgres/publishers';
import { requestReplay, setReplayState, startReplay } from '../../../src/postgres/replay-control';
import { feedReplay } from '../../../src/postgres/replay-feed';
import { planReplay } from '../../../src/postgres/replay-plans';
import { dueReplays } from '../../../src/postgres/replay-visits';
import { replayStatus } from '../../../src/postgres/replays';
import { insertMany } from '../../../src/postgres/enqueue';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf, someEvent } from '../../support/events';
import { RelayRows } from '../../support/relay-rows';
import { feedAll } from '../../support/replays';

const REF = kafkaOf('acme');
const BY = { by: 'test', why: 'a test' };

describe('planning and starting a replay', () => {
  let db: TestDatabase;
  let relay: RelayRows;
  beforeEach(async () => {
    db = await createTestDatabase('acme', 'globex');
    relay = await RelayRows.take(db.pool);
  });
  afterEach(() => db.drop());

  const publish = (ids: readonly string[], tenant = 'acme'): Promise<void> => relay.publish(tenant, ids);
  const start = { tenant: 'acme', replayId: 'r', ...BY };

  it('counts exactly what the start then takes, whatever is published meanwhile', async () => {
    const ids = await enqueueSome(db.pool, 'acme', 30);
    await publish(ids.slice(5, 20));
    const plan = await planReplay(db.pool, REF, { filter: { status: 'published' } });
    expect(plan).toMatchObject({ count: 15, snapshot: { lastEventId: ids[19] } });
    expect(plan.sample.map((event) => event.id)).toEqual(ids.slice(5, 10));
    expect(plan.oldest).toMatch(/^\d{4}-.*Z$/);
    // Lower ids than the last of the plan, published after it.
    await publish(ids.slice(0, 5));
    const answer = await startReplay(db.pool, { ...start, planId: plan.planId, expectedCount: 15 });
    expect(answer).toMatchObject({ kind: 'started', replay: { total: 15, state: 'running' } });
    await publish(ids.slice(20));
    expect(await feedAll({ db }, 'acme', 'r')).toMatchObject({ total: 15, pending: 15 });
    const { rows } = await db.pool.query<{ id: string }>(
      'select event_id as id from outbox.replay_events order by copy_id',
    );
    expect(rows.map(({ id }) => id)).toEqual(ids.slice(5, 20));
  });

  it('a settle that began before the plan and commits after it is not counted', async () => {
    const ids = await enqueueSome(db.pool, 'acme', 4);
    await publish(ids.slice(0, 2));
    const client = await db.pool.connect();
    await client.query('begin');
    await relay.publish('acme', ids.slice(2), client);
    const planning = planReplay(db.pool, REF, { filter: { status: 'published' } });
    await client.query('commit');
    client.release();
    // The plan waited for the settle: it has counted it, and a start finds the same.
    const plan = await planning;
    expect(plan.count).toBe(4);
    const answer = await startReplay(db.pool, { ...start, planId: plan.planId, expectedCount: 4 });
    expect(answer).toMatchObject({ kind: 'started' });
  });

  it('refuses another count, unknown and expired plans; the same id again changes nothing', async () => {
    const ids = await enqueueSome(db.pool, 'acme', 4);
    await publish(ids);
    const plan = await planReplay(db.pool, REF, { eventIds: ids });
    const planId = plan.planId;
    expect(await startReplay(db.pool, { ...start, planId, expectedCount: 3 })).toEqual({
      kind: 'refused',
      code: 'count_differs',
      planned: 4,
      found: 4,
    });
    await db.pool.query(`delete from outbox.events where event_id = $1`, [ids[0]]);
    expect(await startReplay(db.pool, { ...start, planId, expectedCount: 4 })).toMatchObject({ found: 3 });
    expect(await startReplay(db.pool, { ...start, planId: 'no plan', expectedCount: 4 })).toMatchObject({
      code: 'plan_unknown',
    });
    const next = await planReplay(db.pool, REF, { eventIds: ids });
    const first = await startReplay(db.pool, { ...start, planId: next.planId, expectedCount: 3, ratePerSecond: 10 });
    expect(first).toMatchObject({ kind: 'started', replay: { ratePerSecond: 10, by: 'test', why: 'a test' } });
    expect(await startReplay(db.pool, { ...start, planId: next.planId, expectedCount: 3 })).toMatchObject({
      kind: 'exists',
      replay: { ratePerSecond: 10 },
    });
    await db.pool.query(`update outbox.replay_plans set expires_at = now() - interval '1 s'`);
    expect(await startReplay(db.pool, { ...start, replayId: 's', planId, expectedCount: 4 })).toMatchObject({
      code: 'plan_expired',
    });
  });

  it('filters by status, topic, type, key, error code and time', async () => {
    const made = await insertMany(db.pool, [
      someEvent('acme'),
      someEvent('acme', { topic: 'invoices' }),
      someEvent('acme', { type: 'order.deleted', key: 'k' }),
      someEvent('acme', { key: 'k' }),
      someEvent('globex'),
    ]);
    const ids = made.map(({ id }) => id ?? '');
    const [a = '', b = '', c = '', d = ''] = ids;
    await publish([a, b, c]);
    await db.pool.query(
      `update outbox.events set status = 'failed', failed_at = now(), error_code = 'EVENT_REFUSED' where event_id = $1`,
      [d],
    );
    const count = async (filter: object): Promise<number> => (await planReplay(db.pool, REF, { filter })).count;
    expect(await count({ after: '2000-01-01' })).toBe(4);
    expect(await count({ status: 'published' })).toBe(3);
    expect(await count({ status: 'sent', topic: 'orders' })).toBe(2);
    expect(await count({ topic: 'invoices' })).toBe(1);
    expect(await count({ type: 'order.deleted' })).toBe(1);
    expect(await count({ key: 'k' })).toBe(2);
    expect(await count({ errorCode: 'EVENT_REFUSED' })).toBe(1);
    expect(await count({ status: 'skipped' })).toBe(0);
    expect(await count({ before: '2000-01-01T00:00:00Z' })).toBe(0);
    expect((await planReplay(db.pool, kafkaOf('globex'), { eventIds: ids })).count).toBe(0);
  });

  it('never has more than its rate allows, nor too much in the lane', async () => {
    const ids = await enqueueSome(db.pool, 'acme', 100);
    await publish(ids);
    await requestReplay(db.pool, REF, { replayId: 'slow', eventIds: ids, ratePerSecond: 10, ...BY });
    const fed = await feedReplay(db.pool, 'acme', 'slow');
    expect(fed.made).toBeLessThanOrEqual(10);
    await db.pool.query(`update outbox.replays set tokens_at = tokens_at - interval '1 hour'`);
    await feedReplay(db.pool, 'acme', 'slow');
    await feedReplay(db.pool, 'acme', 'slow');
    expect((await replayStatus(db.pool, 'acme', 'slow'))?.pending).toBe(10);
  });

  it('the sweep is told of new, changed and abandoned replays, each once', async () => {
    const ids = await enqueueSome(db.pool, 'acme', 2);
    await publish(ids);
    await requestReplay(db.pool, REF, { replayId: 'r', eventIds: ids, ...BY });
    const due = [{ tenant: 'acme', replayId: 'r' }];
    expect(await dueReplays(db.pool, 10)).toEqual(due);
    expect(await dueReplays(db.pool, 10)).toEqual([]);
    await feedReplay(db.pool, 'acme', 'r');
    await db.pool.query(`update outbox.replays set visit_at = visit_at - interval '61 seconds'`);
    expect(await dueReplays(db.pool, 10)).toEqual(due);
    await setReplayState(db.pool, { ...start, state: 'cancelled' });
    expect(await dueReplays(db.pool, 10)).toEqual(due);
    await feedReplay(db.pool, 'acme', 'r');
    await db.pool.query(`update outbox.replays set visit_at = visit_at - interval '1 hour'`);
    expect(await dueReplays(db.pool, 10)).toEqual([]);
    expect(await readPublisher(db.pool, REF)).toMatchObject({ revision: 1 });
  });
});
