import { randomUUID } from 'node:crypto';
import { isOvertaken, selectMembers } from '../../../src/activities/drain/select';
import { OutboxError } from '../../../src/domain/errors';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { pendingExists } from '../../../src/postgres/looks';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { readPublisher, takeOver } from '../../../src/postgres/publishers';
import { batchMembers, copyIdsOf, selectCopies } from '../../../src/postgres/replay-claims';
import { setReplayState } from '../../../src/postgres/replay-control';
import { feedReplay } from '../../../src/postgres/replay-feed';
import { replayStatus } from '../../../src/postgres/replays';
import { settleBatch } from '../../../src/postgres/settle';
import { sweep } from '../../../src/postgres/sweep';
import type { Sink } from '../../../src/sinks/sink';
import { createDrainRig } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { kafkaOf } from '../../support/events';
import { feedAll, readCopies, replayOf } from '../../support/replays';

const REF = kafkaOf('acme');

/** Copies through the drain itself, on real Postgres and Kafka. */
describe('replay through the drain', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme');
  });
  afterEach(() => rig.close());

  const status = () => replayStatus(rig.db.pool, 'acme', 'again');

  /** As a worker that died in the middle: the copies are recorded in a batch of their own. */
  async function recorded(): Promise<{ seq: number; batchId: string; fence: string }> {
    const row = await takeOver(rig.db.pool, REF, 'dead worker');
    const copies = await selectCopies(rig.db.pool, REF, { limit: 100, maxBytes: 1_000_000, excludeTopics: [] });
    const batchId = randomUUID();
    const seq = row.recorded + 1;
    await recordBatch(rig.db.pool, {
      ...{ ref: REF, fence: row.fence, seq, revision: row.revision, batchId, grantId: 'g', bytes: 1 },
      eventIds: copies.map((copy) => copy.id),
      copyIds: copyIdsOf(copies),
    });
    return { seq, batchId, fence: row.fence };
  }

  it('publishes copies with their headers, in order, and leaves the events as they are', async () => {
    const ids = await rig.store('acme', 300);
    await rig.drain(rig.worker('w1'));
    const before = await getEvent(rig.db.pool, 'acme', ids[7] ?? '');
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 250) });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'running', total: 250, pending: 250 });
    expect(await pendingExists(rig.db.pool, [REF])).toEqual([REF]);
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 250, batches: 3 });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 250, remaining: 0, pending: 0 });

    const seen = await readCopies(rig.topic, 550);
    const copies = seen.filter((copy) => copy.replayId !== null);
    expect(seen).toHaveLength(550);
    expect(copies.map((copy) => copy.eventId).sort()).toEqual(ids.slice(0, 250).sort());
    expect(new Set(copies.map((copy) => `${copy.replayId} ${copy.count}`))).toEqual(new Set(['again 1']));
    for (const partition of [0, 1, 2]) {
      const order = copies.filter((copy) => copy.partition === partition).map((copy) => Number(copy.eventId));
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
    expect(await getEvent(rig.db.pool, 'acme', ids[7] ?? '')).toEqual(before);
    expect(await countByStatus(rig.db.pool, 'acme')).toEqual({ pending: 0, published: 300, failed: 0, skipped: 0 });
    const { rows } = await rig.db.pool.query<{ partition: number; offset: string }>(
      'select topic_partition as partition, topic_offset::text as offset from outbox.replay_events where event_id = $1',
      [ids[7]],
    );
    const copy = copies.find((one) => one.eventId === ids[7]);
    expect(rows).toEqual([{ partition: copy?.partition, offset: copy?.offset }]);
  });

  it('does nothing the second time, counts each replay of an event, and holds several copies in one batch', async () => {
    const ids = await rig.store('acme', 10);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    await replayOf(rig, 'acme', { replayId: 'other', filter: { after: '2000-01-01' } });
    await feedAll(rig, 'acme', 'other');
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ published: 20, batches: 1 });
    // The same again, and as after a reset of its workflow to the very start.
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 1) });
    await rig.db.pool.query(`update outbox.replays set fed_up_to = 0, state = 'running', ended_at = null`);
    await feedAll(rig, 'acme');
    await feedAll(rig, 'acme', 'other');
    expect(await rig.drain(rig.worker('w3'))).toMatchObject({ published: 0 });
    const seen = await readCopies(rig.topic, 30);
    expect(seen).toHaveLength(30);
    expect(new Set(seen.map((copy) => `${copy.replayId} ${copy.count}`))).toEqual(
      new Set(['null null', 'again 1', 'other 2']),
    );
  });

  it('puts failed events back to pending in their own lane', async () => {
    const ids = await rig.store('acme', 4);
    await rig.db.pool.query(
      `update outbox.events set status = 'failed', failed_at = now(), error_code = 'EVENT_REFUSED'
      where event_id = any ($1)`,
      [ids.slice(0, 2)],
    );
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { filter: { status: 'failed', errorCode: 'EVENT_REFUSED' } });
    expect(await feedAll(rig, 'acme')).toMatchObject({
      state: 'done',
      total: 2,
      retried: 2,
      published: 0,
      remaining: 0,
    });
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ published: 2 });
    const seen = await readCopies(rig.topic, 4);
    expect(seen.map((copy) => copy.replayId)).toEqual([null, null, null, null]);
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ published: 4, failed: 0 });
  });

  it('a recorded batch of copies is sent again exactly, and one that Kafka has is only settled', async () => {
    const ids = await rig.store('acme', 6);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    const { batchId, seq } = await recorded();
    expect(await pendingExists(rig.db.pool, [REF])).toEqual([]);
    const session = rig.sink.open(REF);
    await session.takeOver();
    const [batch] = await unsettledBatches(rig.db.pool, REF);
    const events = await batchMembers(rig.db.pool, 'acme', batch ?? { eventIds: [], copyIds: null });
    await session.publish({ batchId, seq, events }, { deadlineMs: 8_000 });
    await session.discard();
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 6, batches: 0 });
    expect(await status()).toMatchObject({ published: 6, pending: 0 });
    await replayOf(rig, 'acme', { replayId: 'third', eventIds: ids });
    await feedAll(rig, 'acme', 'third');
    await recorded();
    expect(await rig.drain(rig.worker('w3'))).toMatchObject({ end: 'empty', published: 6, batches: 1 });
    expect(await readCopies(rig.topic, 18)).toHaveLength(18);
  });

  it('settles copies whose places nobody knows any more', async () => {
    const ids = await rig.store('acme', 3);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids.slice(1) });
    await feedAll(rig, 'acme');
    const { seq, batchId, fence } = await recorded();
    await settleBatch(rig.db.pool, { ref: REF, fence, seq, batchId, placements: null });
    expect(await status()).toMatchObject({ published: 2, pending: 0 });
    expect((await getEvent(rig.db.pool, 'acme', ids[1] ?? ''))?.offset).not.toBeNull();
  });

  it('live events come first, and copies keep a tenth of each batch', async () => {
    const old = await rig.store('acme', 100);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: old });
    await feedAll(rig, 'acme');
    await rig.store('acme', 270);
    const outcome = await rig.drain(rig.worker('w2'), { events: 300 });
    expect(outcome).toMatchObject({ published: 300, end: 'granted' });
    const { rows } = await rig.db.pool.query<{ ids: string[]; copies: string[] }>(
      'select event_ids as ids, copy_ids as copies from outbox.batches where copy_ids is not null order by seq',
    );
    expect(rows.map(({ copies }) => copies.filter((id) => id !== '0').length)).toEqual([10, 10, 10]);
    expect(rows.every(({ copies }) => copies.slice(0, 90).every((id) => id === '0'))).toBe(true);
    expect(await status()).toMatchObject({ published: 30, pending: 70 });
  });

  it('a selection of nothing but copies gives way to a live event that came since', async () => {
    const old = await rig.store('acme', 10);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: old });
    await feedAll(rig, 'acme');
    const deps = rig.worker('w2');
    const { fence } = await takeOver(rig.db.pool, REF, 'w2');
    const hold = { ref: REF, session: rig.sink.open(REF), clean: null };
    const options = { limit: 100, maxBytes: 1_000_000, mostCopies: 1_000, fence };
    const ahead = await selectMembers(deps, hold, options);
    expect(ahead.events.map((event) => event.lane)).toEqual(Array(10).fill('replay'));
    expect(await isOvertaken(deps, hold, ahead, options)).toBe(false);
    await rig.store('acme', 1);
    expect(await isOvertaken(deps, hold, ahead, options)).toBe(true);
    const anew = await selectMembers(deps, hold, options);
    expect(anew.events[0]?.lane).toBe('live');
    expect(await isOvertaken(deps, hold, anew, options)).toBe(false);
  });

  it('cancel and pause take what is not recorded yet out of the lane; a batch under way finishes', async () => {
    const ids = await rig.store('acme', 150);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    await recorded();
    const order = { tenant: 'acme', replayId: 'again', by: 'test', why: 'stop' };
    const paused = await setReplayState(rig.db.pool, { ...order, state: 'paused' });
    expect(paused).toMatchObject({ kind: 'changed', replay: { state: 'paused', pending: 100 } });
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ published: 100 });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'paused', published: 100, pending: 0, remaining: 50 });
    await setReplayState(rig.db.pool, { ...order, state: 'running' });
    expect(await feedAll(rig, 'acme')).toMatchObject({ pending: 50 });
    const cancelled = await setReplayState(rig.db.pool, { ...order, state: 'cancelled' });
    expect(cancelled).toMatchObject({ replay: { state: 'cancelled', pending: 0, cancelled: 50, remaining: 0 } });
    expect(await rig.drain(rig.worker('w3'))).toMatchObject({ published: 0 });
    expect(await setReplayState(rig.db.pool, { ...order, state: 'running' })).toEqual({
      kind: 'refused',
      code: 'ended',
    });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'cancelled', published: 100 });
    expect(await readCopies(rig.topic, 250)).toHaveLength(250);
  });

  it('a selection made before a cancel is not recorded', async () => {
    const ids = await rig.store('acme', 5);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    const row = await takeOver(rig.db.pool, REF, 'w2');
    const copies = await selectCopies(rig.db.pool, REF, { limit: 10, maxBytes: 1_000_000, excludeTopics: [] });
    await setReplayState(rig.db.pool, {
      tenant: 'acme',
      replayId: 'again',
      state: 'cancelled',
      by: 'test',
      why: 'stop',
    });
    const write = { ref: REF, fence: row.fence, seq: row.recorded + 1, revision: row.revision, batchId: randomUUID() };
    await expect(
      recordBatch(rig.db.pool, {
        ...{ ...write, grantId: 'g', bytes: 1, eventIds: ids, copyIds: copyIdsOf(copies) },
      }),
    ).rejects.toMatchObject({ code: 'REVISION_CHANGED' });
  });

  it('parks a copy without touching its event, and one whose topic is gone', async () => {
    const ids = await rig.store('acme', 3);
    await rig.drain(rig.worker('w1'));
    await rig.db.pool.query(`update outbox.events set topic = 'forbidden-here' where event_id = $1`, [ids[1]]);
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'empty', published: 2, parked: 1, failure: null });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 2, failed: 1 });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ published: 3, failed: 0 });
  });

  it('parks the copies of a topic that may be looked at and not written to, and fails no drain over it', async () => {
    const ids = await rig.store('acme', 250);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    // As a broker answers a principal with Describe and without Write: the topic looks healthy, the transaction is refused.
    const refusing: Sink = {
      ...rig.sink,
      open(ref) {
        const session = rig.sink.open(ref);
        session.publish = () =>
          Promise.reject(new OutboxError('KAFKA_TOPIC_FORBIDDEN', 'refused', { details: { topic: rig.topic } }));
        return session;
      },
    };
    const outcome = await rig.drain(rig.worker('w2', { sink: refusing }));
    expect(outcome).toMatchObject({ end: 'empty', failure: null, parked: 250, published: 0, blockedTopics: [] });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', failed: 250, pending: 0 });
    // Events of that topic wait for it, as those of any blocked topic.
    await rig.store('acme', 3);
    const blocked = await rig.drain(rig.worker('w3', { sink: refusing }));
    expect(blocked).toMatchObject({ end: 'failed', failure: { code: 'KAFKA_TOPIC_FORBIDDEN' }, parked: 0 });
    expect(blocked.blockedTopics).toEqual([rig.topic]);
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 3, failed: 0 });
    expect(await rig.drain(rig.worker('w4'))).toMatchObject({ end: 'empty', published: 3 });
  });

  it('a held key holds no copies, and a copy that is parked holds no key', async () => {
    const ids = await rig.store('acme', 4, () => ({ key: 'k' }));
    await rig.drain(rig.worker('w1'), { events: 2 });
    await rig.db.pool.query(
      `update outbox.events set status = 'failed', failed_at = now(), error_code = 'EVENT_REFUSED' where event_id = $1`,
      [ids[2]],
    );
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ published: 0 });
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ state: 'held' });
    await rig.db.pool.query(`update outbox.events set topic = 'forbidden-here' where event_id = $1`, [ids[0]]);
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 2) });
    await feedAll(rig, 'acme');
    expect(await sweep(rig.db.pool, 10)).toEqual([REF]);
    expect(await rig.drain(rig.worker('w3'))).toMatchObject({ end: 'empty', published: 1, parked: 1 });
    await replayOf(rig, 'acme', { replayId: 'retry', filter: { status: 'failed' } });
    expect(await feedAll(rig, 'acme', 'retry')).toMatchObject({ state: 'done', retried: 1 });
    expect(await rig.drain(rig.worker('w4'))).toMatchObject({ published: 2 });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ published: 4, failed: 0 });
  });

  it('a copy whose event retention has deleted fails, and the replay ends', async () => {
    const ids = await rig.store('acme', 2);
    await rig.drain(rig.worker('w1'));
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    await rig.db.pool.query('delete from outbox.events where event_id = $1', [ids[0]]);
    expect(await rig.drain(rig.worker('w2'), { events: 1 })).toMatchObject({ published: 1 });
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'running', pending: 1 });
    const { replay } = await feedReplay(rig.db.pool, 'acme', 'again', 10);
    expect(replay).toMatchObject({ state: 'done', published: 1, failed: 1 });
  });

  it('the sweep finds a publisher that has nothing but copies', async () => {
    const ids = await rig.store('acme', 1);
    await rig.drain(rig.worker('w1'));
    expect(await sweep(rig.db.pool, 10)).toEqual([]);
    await replayOf(rig, 'acme', { eventIds: ids });
    await feedAll(rig, 'acme');
    expect(await sweep(rig.db.pool, 10)).toEqual([REF]);
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ state: 'waking' });
  });
});
