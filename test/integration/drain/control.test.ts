import { EVENT_BYTES } from '../../../src/postgres/event-columns';
import { pauseAll, resumeAll, runningPublishers } from '../../../src/postgres/global-pause';
import { savePublisherState } from '../../../src/postgres/publisher-save';
import { readPublisher } from '../../../src/postgres/publishers';
import { countByStatus } from '../../../src/postgres/events';
import { sweep } from '../../../src/postgres/sweep';
import type { Sink } from '../../../src/sinks/sink';
import type { DrainRig } from '../../support/drain';
import { createDrainRig } from '../../support/drain';
import { kafkaOf } from '../../support/events';

let rig: DrainRig;
beforeAll(async () => {
  rig = await createDrainRig('acme', 'other', 'sized', 'held');
});
afterAll(() => rig.close());

it('a drain that runs when everything is paused ends after the batch in flight, in doubt about nothing', async () => {
  await rig.store('acme', 50);
  const sink: Sink = {
    ledgerRetentionMs: () => rig.sink.ledgerRetentionMs(),
    reachable: (ms) => rig.sink.reachable(ms),
    ledgerState: () => rig.sink.ledgerState(),
    ledgerLogProblem: () => rig.sink.ledgerLogProblem(),
    peekLedger: (ref) => rig.sink.peekLedger(ref),
    findMessages: (ref, search) => rig.sink.findMessages(ref, search),
    close: () => Promise.resolve(),
    open(ref) {
      const session = rig.sink.open(ref);
      const publish = session.publish.bind(session);
      // The pause is set while the second batch is on its way.
      session.publish = async (batch, options) => {
        if (batch.seq === 2) {
          // As after a linger that ended: the row said sleeping when the batch was recorded.
          expect(await readPublisher(rig.db.pool, ref)).toMatchObject({ state: 'running' });
          await pauseAll(rig.db.pool, { by: 'ops', why: 'maintenance' });
          // The batch in flight is still sent: the pause is not complete yet.
          expect(await runningPublishers(rig.db.pool)).toBe(1);
        } else {
          await rig.db.pool.query(`update outbox.publishers set state = 'sleeping' where tenant_id = 'acme'`);
        }
        return publish(batch, options);
      };
      return session;
    },
  };
  const outcome = await rig.drain(rig.worker('w', { batchEvents: 10, sink }), { publisher: kafkaOf('acme') });
  expect(outcome).toMatchObject({ end: 'paused', failure: null, recorded: 20, published: 20 });
  expect(await readPublisher(rig.db.pool, kafkaOf('acme'))).toMatchObject({
    state: 'sleeping',
    recorded: 2,
    settled: 2,
  });
  expect(await runningPublishers(rig.db.pool)).toBe(0);
  expect(await sweep(rig.db.pool, 10)).toEqual([]);
  await resumeAll(rig.db.pool);
  expect(await sweep(rig.db.pool, 10)).toEqual([kafkaOf('acme')]);
  expect(await rig.drain(rig.worker('x'))).toMatchObject({ end: 'empty', published: 30 });
  expect(await countByStatus(rig.db.pool, 'acme')).toMatchObject({ pending: 0, published: 50 });
});

it('a drain that starts while everything is paused sends nothing, and a paused tenant’s drain neither', async () => {
  await rig.store('other', 5);
  await pauseAll(rig.db.pool, { by: 'ops', why: 'maintenance' });
  expect(await rig.drain(rig.worker('w'), { publisher: kafkaOf('other') })).toMatchObject({
    end: 'paused',
    recorded: 0,
  });
  await resumeAll(rig.db.pool);
  const save = { why: null, until: null, halted: null, limits: {} };
  const paused = { by: 'ops', why: 'x', since: 1, until: null };
  await savePublisherState(rig.db.pool, kafkaOf('other'), { ...save, paused });
  expect(await rig.drain(rig.worker('w'), { publisher: kafkaOf('other') })).toMatchObject({
    end: 'paused',
    recorded: 0,
  });
  await savePublisherState(rig.db.pool, kafkaOf('other'), { ...save, paused: null });
  expect(await rig.drain(rig.worker('w'), { publisher: kafkaOf('other') })).toMatchObject({
    end: 'empty',
    published: 5,
  });
});

it('a grant in bytes ends the drain with at most one event too many, and the outcome says what was used', async () => {
  const worker = rig.worker('w');
  await rig.store('sized', 20, () => ({ payload: Buffer.alloc(1_000, 'x') }));
  const each = 1_000 + EVENT_BYTES;
  const first = await rig.drain(worker, { publisher: kafkaOf('sized'), bytes: 5 * each });
  expect(first).toMatchObject({ end: 'granted', recorded: 5, recordedBytes: 5 * each });
  const second = await rig.drain(worker, { publisher: kafkaOf('sized'), bytes: 1 });
  expect(second).toMatchObject({ end: 'granted', recorded: 1, recordedBytes: each });
  const third = await rig.drain(worker, { publisher: kafkaOf('sized'), bytes: 2 * each + 1 });
  expect(third).toMatchObject({ end: 'granted', recorded: 3, recordedBytes: 3 * each });
  const grantId = 'a grant of which the first answer was lost';
  await rig.drain(worker, { publisher: kafkaOf('sized'), bytes: 2 * each, grantId });
  const again = await rig.drain(worker, { publisher: kafkaOf('sized'), bytes: 3 * each, grantId }, false);
  expect(again).toMatchObject({ end: 'granted', recorded: 3, recordedBytes: 3 * each });
});
