import { randomUUID } from 'node:crypto';
import { SessionCache } from '../../../src/activities/drain/session-cache';
import { recordBatch } from '../../../src/postgres/batches';
import { eventsByIds } from '../../../src/postgres/claims';
import { readPublisher, takeOver } from '../../../src/postgres/publishers';
import type { LedgerEntry, Sink } from '../../../src/sinks/sink';
import { createDrainRig, readTopic } from '../../support/drain';
import type { DrainRig } from '../../support/drain';
import { misreading } from '../../support/misreading-sink';
import type { Readings } from '../../support/misreading-sink';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

/**
 * A coordinator that loses its partition while it loads answers from what it has loaded so far: for a moment, or until something
 * is committed (see docs/decisions/0012). Here the real sink's answers are held back; the log below them is Kafka's.
 */
describe('a ledger that is read half-loaded', () => {
  let rig: DrainRig;
  beforeEach(async () => {
    rig = await createDrainRig('acme');
  });
  afterEach(() => rig.close());

  const drain = (sink: Sink, cautious = false): ReturnType<DrainRig['drain']> =>
    rig.drain(rig.worker('w2', { sink, sessions: new SessionCache(sink, 8) }), { cautious });

  /** A batch of 4 events that Kafka has committed and Postgres has not settled. */
  async function committedUnsettled(): Promise<string[]> {
    const ids = await rig.store('acme', 4);
    const { fence, revision, recorded } = await takeOver(rig.db.pool, REF, 'dead worker');
    const batch = { batchId: randomUUID(), seq: recorded + 1 };
    await recordBatch(rig.db.pool, { ref: REF, fence, revision, ...batch, grantId: 'g', eventIds: ids, bytes: 1 });
    const session = rig.sink.open(REF);
    await session.takeOver();
    const events = await eventsByIds(rig.db.pool, 'acme', ids);
    await session.publish({ ...batch, events }, { deadlineMs: 8_000 });
    await session.discard();
    return ids;
  }

  async function publishedOnce(ids: readonly string[]): Promise<void> {
    const seen = await readTopic(rig.topic, ids.length);
    expect(seen.map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
  }

  // A cautious drain halves a batch that it sends again, and so would give it another id.
  it.each([false, true])('for good, doubles nothing: the log is asked, cautious: %s', async (cautious) => {
    const ids = await committedUnsettled();
    expect(await drain(stuckAt(rig.sink, null), cautious)).toMatchObject({ end: 'empty', published: 4, failure: null });
    await publishedOnce(ids);
    expect(rig.notes).toContain('the coordinator had not loaded the ledger to its end');
    expect(await readPublisher(rig.db.pool, REF)).toMatchObject({ recorded: 1, settled: 1 });
  });

  it('for good, as the batch before, doubles nothing and goes on', async () => {
    const before = await rig.store('acme', 4);
    await rig.drain(rig.worker('w1'));
    const batch1 = await rig.sink.peekLedger(REF);
    const ids = await committedUnsettled();
    const later = await rig.store('acme', 3);
    expect(await drain(stuckAt(rig.sink, batch1))).toMatchObject({ end: 'empty', published: 7, failure: null });
    await publishedOnce([...before, ...ids, ...later]);
  });

  it('for good, halts nothing that is settled', async () => {
    const first = await rig.store('acme', 4);
    await rig.drain(rig.worker('w1'));
    const later = await rig.store('acme', 4);
    expect(await drain(stuckAt(rig.sink, null))).toMatchObject({ end: 'empty', published: 4, failure: null });
    await publishedOnce([...first, ...later]);
  });

  it('for good, as one that an operator has set back since, halts nothing', async () => {
    const first = await rig.store('acme', 4);
    await rig.drain(rig.worker('w1'));
    const later = await rig.store('acme', 4);
    const old = { seq: 9, batchId: randomUUID(), metadata: '' };
    expect(await drain(stuckAt(rig.sink, old))).toMatchObject({ end: 'empty', published: 4, failure: null });
    await publishedOnce([...first, ...later]);
  });

  it('is no reason to doubt a ledger that is truly gone: the log says so too, and the publisher halts', async () => {
    await rig.store('acme', 4);
    await rig.drain(rig.worker('w1'));
    await rig.db.pool.query('update outbox.publishers set recorded = 5, settled = 5');
    await rig.store('acme', 4);
    expect(await rig.drain(rig.worker('w2'))).toMatchObject({ end: 'halted', published: 0 });
    expect(await readTopic(rig.topic, 4)).toHaveLength(4);
  });

  it.each([false, true])(
    'for a moment, where the log cannot be read, doubles nothing, cautious: %s',
    async (cautious) => {
      const ids = await committedUnsettled();
      expect(await drain(halfLoaded(rig.sink, 1), cautious)).toMatchObject({
        end: 'empty',
        published: 4,
        failure: null,
      });
      await publishedOnce(ids);
      expect(rig.notes).toEqual(
        expect.arrayContaining(['the log of the ledger cannot be read', 'doubt resolved by a new epoch']),
      );
    },
  );

  it('for a moment, where the log cannot be read, halts nothing: it is looked at again', async () => {
    await rig.store('acme', 4);
    await rig.drain(rig.worker('w1'));
    await rig.store('acme', 4);
    expect(await drain(halfLoaded(rig.sink, 2))).toMatchObject({ end: 'empty', published: 4, failure: null });
    expect(await readTopic(rig.topic, 8)).toHaveLength(8);
  });
});

/** A coordinator that says the same at every look, also beside a transaction. */
function stuckAt(sink: Sink, entry: LedgerEntry | null): Sink {
  return misreading(sink, {
    readLedger: () => Promise.resolve(entry),
    confirmLedger: () => Promise.resolve(),
  });
}

/** Ledgers seem to be missing at the first `times` looks, and the log may not be read. */
function halfLoaded(sink: Sink, times: number): Sink {
  let looks = 0;
  const readLedger: Readings['readLedger'] = async (session) => {
    const ledger = await session.readLedger();
    looks += 1;
    return looks <= times ? null : ledger;
  };
  const ledgerInLog: Readings['ledgerInLog'] = () =>
    Promise.resolve({ kind: 'unreadable', reason: 'no right. Grant it.' });
  return misreading(sink, { readLedger, ledgerInLog });
}
