import { countByStatus, getEvent } from '../../../src/postgres/events';
import { setReplayState } from '../../../src/postgres/replay-control';
import { feedReplay } from '../../../src/postgres/replay-feed';
import { replayStatus } from '../../../src/postgres/replays';
import { sweep } from '../../../src/postgres/sweep';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { kafkaOf } from '../../support/events';
import { feedAll, readCopies, replayOf } from '../../support/replays';
import { until } from '../../support/fault-run';

/** Copies through a relay, on real Postgres and Kafka. */
describe('replay through a relay', () => {
  let rig: RelayRig;
  beforeEach(async () => {
    rig = await createRelayRig('acme', 'other');
  });
  afterEach(() => rig.close());

  const status = (replayId = 'again') => replayStatus(rig.db.pool, 'acme', replayId);
  const order = (state: 'running' | 'paused' | 'cancelled', replayId = 'again') =>
    setReplayState(rig.db.pool, { tenant: 'acme', replayId, state, by: 'test', why: 'a test' });

  it('publishes copies with their headers, in order, and leaves the events as they are', async () => {
    const ids = await rig.store('acme', 300);
    const worker = rig.worker('w1');
    expect(await rig.drain(worker, 'acme')).toMatchObject({ end: 'empty', published: 300 });
    const before = await getEvent(rig.db.pool, 'acme', ids[7] ?? '');
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 250) });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'running', total: 250, pending: 250 });
    expect(await sweep(rig.db.pool, 10)).toEqual([kafkaOf('acme')]);
    expect(await rig.drain(worker, 'acme')).toMatchObject({ end: 'empty', published: 250 });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 250, remaining: 0, pending: 0 });

    const seen = await readCopies(rig.topic, 550);
    const copies = seen.filter((copy) => copy.replayId !== null);
    expect(seen).toHaveLength(550);
    expect(copies.map((copy) => copy.eventId).sort()).toEqual(ids.slice(0, 250).sort());
    expect(new Set(copies.map((copy) => `${copy.replayId} ${copy.count}`))).toEqual(new Set(['again 1']));
    for (const partition of [0, 1, 2]) {
      const inOrder = copies.filter((copy) => copy.partition === partition).map((copy) => Number(copy.eventId));
      expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    }
    expect(await getEvent(rig.db.pool, 'acme', ids[7] ?? '')).toEqual(before);
    expect(await countByStatus(rig.db.pool, 'acme')).toEqual({ pending: 0, published: 300, failed: 0, skipped: 0 });
    const { rows } = await rig.db.pool.query<{ partition: number; offset: string }>(
      'select topic_partition as partition, topic_offset::text as offset from outbox.replay_events where event_id = $1',
      [ids[7]],
    );
    const copy = copies.find((one) => one.eventId === ids[7]);
    expect(rows).toEqual([{ partition: copy?.partition, offset: copy?.offset }]);
    const counts = await rig.db.pool.query(
      'select sum(published)::int as published, sum(copies)::int as copies from outbox.relay_counts',
    );
    expect(counts.rows).toEqual([{ published: 300, copies: 250 }]);
  });

  it('finds what is fed while the publisher is attached, and sends copies of one event for two replays at once', async () => {
    const ids = await rig.store('acme', 20);
    const drained = rig.drain(rig.worker('w1', { lingerMs: 3_000 }), 'acme');
    await until('the events are published', async () => (await countByStatus(rig.db.pool, 'acme')).published === 20);
    for (const replayId of ['again', 'twice']) {
      await replayOf(rig, 'acme', { replayId, eventIds: ids });
      await feedAll(rig, 'acme', replayId);
    }
    expect(await drained).toMatchObject({ end: 'empty', published: 60 });
    // The same again, and as after a reset of its workflow to the very start.
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 1) });
    await rig.db.pool.query(`update outbox.replays set fed_up_to = 0, state = 'running', ended_at = null`);
    for (const replayId of ['again', 'twice']) {
      expect(await feedAll(rig, 'acme', replayId)).toMatchObject({ state: 'done', published: 20 });
    }
    const seen = await readCopies(rig.topic, 60);
    expect(seen).toHaveLength(60);
    expect(new Set(seen.map((copy) => `${copy.replayId} ${copy.count}`))).toEqual(
      new Set(['null null', 'again 1', 'twice 2']),
    );
  });

  it('live events come first, and copies keep a tenth', async () => {
    const old = await rig.store('acme', 2_000);
    const worker = rig.worker('w1');
    await rig.drain(worker, 'acme');
    await replayOf(rig, 'acme', { eventIds: old.slice(0, 1_000) });
    await feedAll(rig, 'acme');
    await rig.store('acme', 4_000);
    await rig.drain(worker, 'acme', { events: 1_000_000 });
    const { rows } = await rig.db.pool.query<{ live: number; copies: number }>(
      `select (select count(*)::int from outbox.events e where e.batch_relay = r.batch_relay and e.batch_seq = r.batch_seq) as live,
              count(*)::int as copies
       from outbox.replay_events r group by r.batch_relay, r.batch_seq order by r.batch_seq`,
    );
    expect(await status()).toMatchObject({ published: 1_000 });
    // All but the last, in which live events no longer wanted the rest.
    const mixed = rows.filter(({ live }) => live > 0).slice(0, -1);
    expect(mixed.length).toBeGreaterThan(3);
    const [live, copies] = [sum(mixed.map((row) => row.live)), sum(mixed.map((row) => row.copies))];
    expect(copies).toBeGreaterThan(0);
    expect(copies).toBeLessThanOrEqual((live + copies) * 0.2);
  });

  it('pause and cancel take back what is not on its way', async () => {
    const ids = await rig.store('acme', 150);
    const worker = rig.worker('w1');
    await rig.drain(worker, 'acme');
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    expect(await order('paused')).toMatchObject({ kind: 'changed', replay: { state: 'paused', pending: 0 } });
    await rig.drain(worker, 'acme');
    expect(await status()).toMatchObject({ published: 0, pending: 0, remaining: 150 });
    await order('running');
    expect(await status()).toMatchObject({ pending: 150 });
    expect(await rig.drain(worker, 'acme', { events: 100, probe: true })).toMatchObject({ published: 100 });
    await order('cancelled');
    await rig.drain(worker, 'acme');
    expect(await status()).toMatchObject({ published: 100, cancelled: 50, pending: 0, remaining: 0 });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'cancelled', published: 100 });
    expect(await readCopies(rig.topic, 250)).toHaveLength(250);
  });

  it.each(['paused', 'cancelled'] as const)(
    'a copy that was on its way when its replay was %s is published once',
    async (state) => {
      const ids = await rig.store('acme', 10);
      const worker = rig.worker('w1');
      await rig.drain(worker, 'acme');
      await replayOf(rig, 'acme', { eventIds: ids });
      await feedAll(rig, 'acme');
      // The settle waits for the row of the replay, and leaves its copies behind.
      const client = await rig.db.pool.connect();
      try {
        await client.query('begin');
        await client.query(`select 1 from outbox.replays for update`);
        const drained = rig.drain(worker, 'acme');
        const left = 'select count(*)::int as n from outbox.unsettled';
        await until('Kafka has them', async () => (await rig.db.pool.query<{ n: number }>(left)).rows[0]?.n === 10);
        const ordered = order(state);
        await client.query('commit');
        await ordered;
        await drained;
      } finally {
        client.release();
      }
      await until('they are settled', async () => (await status())?.published === 10);
      expect(await status()).toMatchObject({ published: 10, cancelled: 0, pending: 0, remaining: 0 });
      if (state === 'paused') {
        await order('running');
        expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 10, pending: 0 });
      }
      await rig.drain(worker, 'acme');
      expect(await readCopies(rig.topic, 20)).toHaveLength(20);
    },
  );

  it('a copy that can never be sent fails, and holds neither its replay, nor a key, nor other copies', async () => {
    const ids = await rig.store('acme', 4, () => ({ key: 'k' }));
    const worker = rig.worker('w1');
    await rig.drain(worker, 'acme');
    await rig.db.pool.query(`update outbox.events set topic = 'forbidden-here' where event_id = $1`, [ids[1]]);
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    await rig.store('acme', 1, () => ({ key: 'k' }));
    const outcome = await rig.drain(worker, 'acme');
    expect(outcome).toMatchObject({ end: 'empty', published: 4, parked: 1, failure: null, blockedTopics: [] });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 3, failed: 1 });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ published: 5, failed: 0 });
  });

  it('a copy whose event is gone is passed over, and the replay ends', async () => {
    const ids = await rig.store('acme', 3);
    const worker = rig.worker('w1');
    await rig.drain(worker, 'acme');
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    await rig.db.pool.query('delete from outbox.events where event_id = $1', [ids[0]]);
    expect(await rig.drain(worker, 'acme')).toMatchObject({ published: 2 });
    const { replay } = await feedReplay(rig.db.pool, 'acme', 'again', 10);
    expect(replay).toMatchObject({ state: 'done', published: 2, failed: 1 });
  });

  it('failed events go back to pending in their own lane, and are found by whoever has the publisher', async () => {
    const ids = await rig.store('acme', 4);
    const worker = rig.worker('w1', { lingerMs: 3_000 });
    const drained = rig.drain(worker, 'acme');
    await until('they are published', async () => (await countByStatus(rig.db.pool, 'acme')).published === 4);
    await rig.db.pool.query(
      `update outbox.events set status = 'failed', failed_at = now(), error_code = 'EVENT_REFUSED', published_at = null
       where event_id = any ($1)`,
      [ids.slice(0, 2)],
    );
    await replayOf(rig, 'acme', { filter: { status: 'failed', errorCode: 'EVENT_REFUSED' } });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', total: 2, retried: 2, published: 0 });
    expect(await drained).toMatchObject({ end: 'empty', published: 6 });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 0, failed: 0, published: 4 });
  });

  it('a take-over marks what the ledger names: copies that are pending, cancelled, or lost with the last commits', async () => {
    const ids = await rig.store('acme', 9);
    const first = rig.worker('w1');
    await rig.drain(first, 'acme');
    await replayOf(rig, 'acme', { eventIds: ids });
    await replayOf(rig, 'acme', { replayId: 'lost', eventIds: ids });
    const was = await rig.db.pool.query<Record<string, unknown>>('select * from outbox.relays');
    await feedAll(rig, 'acme');
    await feedAll(rig, 'acme', 'lost');
    await rig.drain(first, 'acme');
    await first.stop();
    // As a server that lost the last commits: L, the copies' status, a replay's copies, and a cancel that came afterwards.
    for (const row of was.rows) {
      await rig.db.pool.query(
        `update outbox.relays set ledger_offset = $2, ledger_kind = $3, ledger_seq = $4, ledger_fence = $5, recovered_on = null where relay = $1`,
        ['relay', 'ledger_offset', 'ledger_kind', 'ledger_seq', 'ledger_fence'].map((column) => row[column]),
      );
    }
    await rig.db.pool.query(
      `update outbox.replays set published = 0, fed_up_to = 0, fed = case replay_id when 'lost' then 0 else fed end`,
    );
    await rig.db.pool.query(
      `update outbox.replay_events set status = 'pending', published_at = null where replay_id = 'again'`,
    );
    await rig.db.pool.query(`delete from outbox.replay_events where replay_id = 'lost'`);
    await rig.db.pool.query(`update outbox.replays set state = 'running', ended_at = null`);
    await order('cancelled');
    const second = rig.worker('w2');
    await until('the ledger is settled', async () => (await status('lost'))?.published === 9);
    expect(await status()).toMatchObject({ published: 9, cancelled: 0, pending: 0 });
    expect(await feedAll(rig, 'acme', 'lost')).toMatchObject({ state: 'done', published: 9, pending: 0 });
    expect(await rig.drain(second, 'acme')).toMatchObject({ published: 0 });
    const { rows } = await rig.db.pool.query('select sum(strangers)::int as strangers from outbox.relays');
    expect(rows).toEqual([{ strangers: 0 }]);
    expect(await readCopies(rig.topic, 27)).toHaveLength(27);
  });
});

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
