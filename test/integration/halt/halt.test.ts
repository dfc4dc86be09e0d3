import { randomUUID } from 'node:crypto';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { eventsByIds } from '../../../src/postgres/claims';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { haltedPublishers } from '../../../src/postgres/halted';
import { savePublisherState } from '../../../src/postgres/publisher-save';
import { readPublisher, takeOver } from '../../../src/postgres/publishers';
import { createDrainRig, readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { feedAll, replayOf } from '../../support/replays';
import { REF, haltActs } from './acts';

/** Row and ledger contradict each other, on real servers, and an operator decides. */
describe('ending a halt', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme', 'globex');
  });
  afterEach(() => rig.close());
  const {
    decide,
    sinkWith,
    drain,
    halts,
    backup,
    restore,
    lastMembers,
    writeLedger,
    deleteLedger,
    copies,
    restoreOlderCopy,
  } = haltActs(() => rig);

  it('adopt after an older copy was restored: what Kafka holds is published, nothing is sent twice', async () => {
    const { first, pending } = await restoreOlderCopy();
    // Given the id of an event that the copy has forgotten and that is in Kafka: another event all the same.
    const [reused = ''] = await rig.store('acme', 1);
    await halts('ledger');
    const outcome = await decide('adopt');
    expect(outcome).toMatchObject({ done: true, explanation: expect.stringContaining('250 ') as string });
    expect(await countByStatus(rig.db.pool, 'acme')).toEqual({ pending: 1, published: 260, failed: 0, skipped: 0 });
    const ledger = await rig.sink.peekLedger(REF);
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ recorded: ledger?.seq, settled: ledger?.seq });

    const more = await rig.store('acme', 3);
    expect(await drain()).toMatchObject({ end: 'empty', published: 4 });
    const seen = await readTopic(rig.topic, 269);
    expect(seen).toHaveLength(269);
    const counts = new Map<string, number>();
    for (const { eventId } of seen) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
    for (const id of [...first, ...pending]) expect(counts.get(id)).toBe(1);
    expect(counts.get(reused)).toBe(2);
    expect(more).toHaveLength(3);
    const place = seen.find((message) => message.eventId === pending[100]);
    expect(await getEvent(rig.db.pool, 'acme', pending[100] ?? '')).toMatchObject({
      status: 'published',
      partition: place?.partition,
      offset: place?.offset,
      batch: place?.producerId.split('@')[1],
    });
  });

  it('adopt ends what an older copy had in doubt: the members of its batch that Kafka holds, and no others', async () => {
    const ids = await rig.store('acme', 8);
    const row = await takeOver(rig.db.pool, REF, 'dead');
    const { fence, revision } = row;
    const old = { ref: REF, fence, revision, seq: 1, batchId: randomUUID(), grantId: 'g', eventIds: ids, bytes: 1 };
    await recordBatch(rig.db.pool, old);
    await backup();
    // In Kafka this batch was recorded anew with half of its events, and another one followed.
    const session = rig.sink.open(REF);
    await session.takeOver();
    const send = async (seq: number, members: string[]): Promise<void> => {
      const events = await eventsByIds(rig.db.pool, 'acme', members);
      await session.publish({ batchId: randomUUID(), seq, events }, { deadlineMs: 8_000 });
    };
    await send(1, ids.slice(0, 4));
    await send(2, ids.slice(4, 6));
    await session.discard();
    await restore();

    await halts('ledger says 2');
    expect(await decide('adopt')).toMatchObject({ done: true });
    expect(await unsettledBatches(rig.db.pool, REF)).toEqual([]);
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 2, published: 6 });
    expect(await drain()).toMatchObject({ end: 'empty', published: 2 });
    expect([...(await copies(8)).values()]).toEqual(Array(8).fill(1));
  });

  it('resend after an older copy was restored: all that it has pending is sent again, and nothing else', async () => {
    const { first, pending } = await restoreOlderCopy();
    await halts('ledger');
    expect(await decide('resend')).toMatchObject({ done: true });
    expect(await rig.sink.peekLedger(REF)).toMatchObject({ seq: 1 });
    expect(await drain()).toMatchObject({ end: 'empty', published: 250 });
    const counts = await copies(10 + 250 + 5 + 250);
    for (const id of first) expect(counts.get(id)).toBe(1);
    for (const id of pending) expect(counts.get(id)).toBe(2);
  });

  it('a deleted ledger: adopt is refused with a remedy, resend goes on and doubles only what was in doubt', async () => {
    const ids = await rig.store('acme', 20);
    await drain();
    await deleteLedger();
    const more = await rig.store('acme', 5);
    await halts('no ledger');
    expect(await decide('adopt')).toEqual({
      done: false,
      explanation: expect.stringContaining('Choose resend') as string,
    });
    await halts('no ledger');
    expect(await decide('resend')).toMatchObject({ done: true });
    expect(await drain()).toMatchObject({ end: 'empty', published: 5 });
    expect([...(await copies(25)).keys()].sort()).toEqual([...ids, ...more].sort());
    expect(await readTopic(rig.topic, 25)).toHaveLength(25);
  });

  it('a ledger that was deleted halts nothing while its log is there', async () => {
    const ids = await rig.store('acme', 20);
    await drain();
    await deleteLedger();
    const more = await rig.store('acme', 5);
    expect(await rig.drain(rig.worker('with the log'))).toMatchObject({ end: 'empty', published: 5 });
    expect([...(await copies(25)).keys()].sort()).toEqual([...ids, ...more].sort());
    expect(await readTopic(rig.topic, 25)).toHaveLength(25);
  });

  it('a resend that is cut short leaves both sides apart, also if no batch was ever settled', async () => {
    const ids = await rig.store('acme', 3);
    const { fence, revision } = await takeOver(rig.db.pool, REF, 'dead');
    const batch = { ref: REF, fence, revision, seq: 1, batchId: randomUUID(), grantId: 'g', eventIds: ids, bytes: 1 };
    await recordBatch(rig.db.pool, batch);
    const session = rig.sink.open(REF);
    await session.takeOver();
    const events = await eventsByIds(rig.db.pool, 'acme', ids);
    await session.publish({ batchId: batch.batchId, seq: 1, events }, { deadlineMs: 8_000 });
    await session.discard();
    // Its answer was lost, and the ledger has expired meanwhile.
    await deleteLedger();
    await rig.db.pool.query(`update outbox.batches set recorded_at = now() - interval '30 days'`);
    await halts('older than the broker keeps offsets');
    const sink = sinkWith({
      open(ref) {
        const own = sinkWith({}).open(ref);
        own.publish = () => Promise.reject(new Error('cut short'));
        return own;
      },
    });
    expect(await decide('resend', sink)).toMatchObject({ done: false });
    expect(await unsettledBatches(rig.db.pool, REF)).toEqual([]);
    await halts('no ledger');
    expect(await decide('resend')).toMatchObject({ done: true });
    expect(await drain()).toMatchObject({ end: 'empty', published: 3 });
    expect(await readTopic(rig.topic, 6)).toHaveLength(6);
  });

  it('adopts the copies of a replay as copies', async () => {
    const ids = await rig.store('acme', 30);
    await drain();
    await replayOf(rig, 'acme', { eventIds: ids.slice(0, 20) });
    await feedAll(rig, 'acme');
    await backup();
    await drain();
    await restore();
    await halts('ledger');
    expect(await decide('adopt')).toMatchObject({ done: true, explanation: expect.stringContaining('20 ') as string });
    expect(await lastMembers()).toEqual([]);
    expect(await drain()).toMatchObject({ end: 'empty', published: 0 });
    expect(await readTopic(rig.topic, 50)).toHaveLength(50);
    expect(await feedAll(rig, 'acme')).toMatchObject({ state: 'done', published: 20, pending: 0 });
  });

  it('adopts what Postgres gave up: parked and skipped events that Kafka holds are published', async () => {
    const ids = await rig.store('acme', 6);
    await backup();
    await drain();
    await restore();
    await rig.db.pool.query(
      `update outbox.events set error_code = 'EVENT_REFUSED', error_reason = 'too old',
         status = case when event_id = any ($1::bigint[]) then 'failed' else 'skipped' end`,
      [ids.slice(0, 3)],
    );
    await halts('ledger');
    expect(await decide('adopt')).toMatchObject({ done: true, explanation: expect.stringContaining('6 ') as string });
    expect(await countByStatus(rig.db.pool, 'acme')).toEqual({ pending: 0, published: 6, failed: 0, skipped: 0 });
    const { rows } = await rig.db.pool.query('select from outbox.events where error_code is not null');
    expect(rows).toHaveLength(0);
    expect((await lastMembers())?.sort()).toEqual([...ids].sort());
  });

  it('refuses to adopt a ledger that something else wrote; resend writes it anew', async () => {
    await rig.store('acme', 3);
    await drain();
    await writeLedger(1, 'not-a-batch');
    await halts('not-a-batch');
    expect(await decide('adopt')).toEqual({ done: false, explanation: expect.stringContaining('names no') as string });
    expect(await decide('resend')).toMatchObject({ done: true });
    await rig.store('acme', 1);
    expect(await drain()).toMatchObject({ end: 'empty', published: 1 });
  });

  it('changes nothing once another has taken over', async () => {
    await restoreOlderCopy();
    const row = await readPublisher(rig.db.pool, REF);
    const ledger = await rig.sink.peekLedger(REF);
    const sink = sinkWith({
      // Read last of all, after the fence was looked at for the last time.
      async ledgerRetentionMs() {
        await takeOver(rig.db.pool, REF, 'newer');
        return rig.sink.ledgerRetentionMs();
      },
    });
    for (const choice of ['adopt', 'resend'] as const) {
      const refused = { done: false, explanation: expect.stringContaining('FENCED') as string };
      expect(await decide(choice, sink)).toEqual(refused);
    }
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ recorded: row?.recorded, settled: row?.settled });
    expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 250, published: 10 });
    expect(await rig.sink.peekLedger(REF)).toEqual(ledger);

    // Also at the last step.
    const late = sinkWith({
      async findMessages(ref, search) {
        const gone = await rig.sink.findMessages(ref, search);
        await takeOver(rig.db.pool, REF, 'newer');
        return gone;
      },
    });
    expect(await decide('adopt', late)).toEqual({
      done: false,
      explanation: expect.stringContaining('FENCED') as string,
    });
  });

  it('resends also where both sides agree, if events of a batch in doubt are gone', async () => {
    const ids = await rig.store('acme', 3);
    const { fence, revision } = await takeOver(rig.db.pool, REF, 'dead');
    const batch = { ref: REF, fence, revision, seq: 1, batchId: randomUUID(), grantId: 'g', eventIds: ids, bytes: 1 };
    await recordBatch(rig.db.pool, batch);
    await rig.db.pool.query('delete from outbox.events where event_id = $1', [ids[0]]);
    await halts('');
    expect(await decide('resend')).toMatchObject({ done: true });
    expect(await drain()).toMatchObject({ end: 'empty', published: 2 });
    expect([...(await copies(2)).keys()].sort()).toEqual(ids.slice(1).sort());
  });

  it('refuses to adopt a Kafka that knows less than Postgres', async () => {
    await rig.store('acme', 3);
    await drain();
    await rig.db.pool.query('update outbox.publishers set recorded = 9, settled = 9 where tenant_id = $1', ['acme']);
    await halts('has settled 9');
    expect(await decide('adopt')).toEqual({ done: false, explanation: expect.stringContaining('is behind') as string });
  });

  it('changes nothing where both sides agree, whatever was chosen', async () => {
    const ids = await rig.store('acme', 4);
    await drain();
    for (const choice of ['adopt', 'resend'] as const) {
      expect(await decide(choice)).toEqual({ done: true, explanation: expect.stringContaining('agree') as string });
    }
    expect([...(await copies(4)).keys()].sort()).toEqual([...ids].sort());
  });

  it('shows both sides', async () => {
    expect(await rig.sink.peekLedger(REF)).toBeNull();
    const { pending } = await restoreOlderCopy();
    const { fence, revision } = await takeOver(rig.db.pool, REF, 'dead');
    const batch = { ref: REF, fence, revision, seq: 2, batchId: randomUUID(), grantId: 'g', bytes: 1 };
    await recordBatch(rig.db.pool, { ...batch, eventIds: pending.slice(0, 7) });
    const halted = { why: 'the ledger says more', since: 5, refused: 'adopt (me: restored): it may have dropped some' };
    await savePublisherState(rig.db.pool, REF, { why: 'halted', until: null, paused: null, halted, limits: {} });
    const [shown, ...others] = await haltedPublishers(rig.db.pool);
    expect(others).toEqual([]);
    expect(shown).toMatchObject({ ...REF, ...halted, recorded: 2, settled: 1 });
    expect(shown?.unsettled).toEqual([
      { seq: 2, batchId: batch.batchId, events: 7, recordedAt: expect.any(Number) as number },
    ]);
    expect(shown?.settledBatchId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await rig.sink.peekLedger(REF)).toMatchObject({ seq: 5, batchId: expect.any(String) as string });
    expect(await haltedPublishers(rig.db.pool, 'globex')).toEqual([]);
  });
});
