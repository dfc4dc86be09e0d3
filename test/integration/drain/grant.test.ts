import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FaultLog } from '../../../faults/proxy/fault-log';
import { TcpProxy } from '../../../faults/proxy/tcp-proxy';
import { runDrain } from '../../../src/activities/drain/run';
import { createPool } from '../../../src/postgres/pool';
import { readPublisher } from '../../../src/postgres/publishers';
import type { DrainRig } from '../../support/drain';
import { createDrainRig, readTopic } from '../../support/drain';
import { kafkaOf } from '../../support/events';

let rig: DrainRig;
beforeAll(async () => {
  rig = await createDrainRig('acme', 'frozen', 'late');
});
afterAll(() => rig.close());

it('a batch whose record was not answered is paid by its grant, once', async () => {
  await rig.store('acme', 10);
  const folder = mkdtempSync(join(tmpdir(), 'grant-'));
  const real = new URL(rig.db.url);
  const proxy = await TcpProxy.start({
    serverPort: Number(real.port),
    log: new FaultLog(join(folder, 'fired.ndjson')),
  });
  const url = new URL(real);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  const pool = createPool(url.href, { max: 4 });
  try {
    proxy.add({ name: 'record_lost', fault: 'lost-answer', matches: /insert into outbox\.batches/ });
    const first = await rig.drain(rig.worker('cut off', { pool }), { events: 6 });
    expect(first).toMatchObject({ end: 'failed', recorded: 6, published: 0 });
    // Its batch is cut to the next grant, which gets back what the first one has paid for the rest.
    expect(await rig.drain(rig.worker('next'), { events: 4 })).toMatchObject({ recorded: -2, published: 4 });
    expect(await rig.drain(rig.worker('last'))).toMatchObject({ recorded: 6, published: 6 });
  } finally {
    await pool.end();
    await proxy.close();
    rmSync(folder, { recursive: true });
  }
  expect(await readTopic(rig.topic, 10)).toHaveLength(10);
});

it('an attempt that hears after a freeze that it was given up touches nothing', async () => {
  await rig.store('frozen', 3);
  const publisher = kafkaOf('frozen');
  const request = { publisher, grantId: 'g', events: 10, maxMs: 5_000, lingerMs: 0, lastWorker: null, cautious: false };
  const cancelled = new AbortController();
  const thawed = rig.worker('thawed', { thawed: () => Promise.resolve(cancelled.abort()) });
  const outcome = await runDrain(thawed, { request, cancelled: cancelled.signal }, true);
  expect(outcome).toMatchObject({ end: 'stopping', recorded: 0, batches: 0 });
  expect(await readPublisher(rig.db.pool, publisher)).toMatchObject({ drainedBy: null, recorded: 0 });
  expect(await rig.drain(rig.worker('next'), { publisher })).toMatchObject({ end: 'empty', published: 3 });
});

it('a first attempt that comes after the second has only what that one left of their grant', async () => {
  const publisher = kafkaOf('late');
  await rig.store('late', 12);
  const grant = { publisher, grantId: 'shared', events: 10 };
  expect(await rig.drain(rig.worker('second'), grant, false)).toMatchObject({ end: 'granted', recorded: 10 });
  expect(await rig.drain(rig.worker('first'), grant)).toMatchObject({ end: 'granted', recorded: 10, published: 0 });
  expect(await rig.drain(rig.worker('next'), { publisher })).toMatchObject({ end: 'empty', published: 2 });
});
