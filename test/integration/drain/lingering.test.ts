import { readPublisher } from '../../../src/postgres/publishers';
import type { DrainRig } from '../../support/drain';
import { createDrainRig } from '../../support/drain';
import { kafkaOf } from '../../support/events';

let rig: DrainRig;
beforeAll(async () => {
  rig = await createDrainRig('acme');
});
afterAll(() => rig.close());

it('a drain whose time is over while it waits for events goes on in the next one, which sleeps if none came', async () => {
  const worker = rig.worker('w');
  const short = { maxMs: 1_000, lingerMs: 5_000 };
  await rig.store('acme', 1);
  expect(await rig.drain(worker, short)).toMatchObject({ end: 'lingering', published: 1, failure: null });
  // Nothing wakes it: whoever commits now relies on the drain that follows.
  expect(await readPublisher(rig.db.pool, kafkaOf('acme'))).toMatchObject({
    state: 'running',
    recorded: 1,
    settled: 1,
  });
  await rig.store('acme', 1);
  expect(await rig.drain(worker, short)).toMatchObject({ end: 'lingering', published: 1 });
  expect(await rig.drain(worker, short)).toMatchObject({ end: 'empty', published: 0 });
  expect(await readPublisher(rig.db.pool, kafkaOf('acme'))).toMatchObject({ state: 'sleeping' });
});

it('a drain that waited as long as it should sleeps, whatever it published', async () => {
  await rig.store('acme', 1);
  const waited = { maxMs: 30_000, lingerMs: 100 };
  expect(await rig.drain(rig.worker('w'), waited)).toMatchObject({ end: 'empty', published: 1 });
});
