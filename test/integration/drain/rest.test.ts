import { setTimeout as delay } from 'node:timers/promises';
import { LingerHub } from '../../../src/activities/drain/linger';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { kafkaOf } from '../../support/events';

const LONGEST_MS = 30;

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase('quiet');
});
afterAll(() => database.drop());

/** Looks of the hub wait for the lock: as slow as on a machine without a free core. */
async function whileLooksAreSlow(work: () => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await client.query('lock table outbox.events in access exclusive mode');
    await delay(300);
    await client.query('rollback');
    await delay(20);
    await work();
  } finally {
    client.release();
  }
}

it.each([
  { longestMs: LONGEST_MS, rests: true },
  { longestMs: 0, rests: false },
])('a backlog rests for at most $longestMs ms while looks for a lingering publisher are slow', async (wanted) => {
  const rests: number[] = [];
  const { longestMs } = wanted;
  const hub = new LingerHub(database.pool, 10, 10, { longestMs, rested: (ms) => rests.push(ms) });
  const stop = new AbortController();
  const lingering = hub.wait(kafkaOf('quiet'), 60_000, stop.signal);
  await delay(300);
  rests.length = 0;
  await whileLooksAreSlow(() => hub.rest(1_000));
  expect(rests).toEqual(wanted.rests ? [LONGEST_MS] : []);
  stop.abort();
  await lingering;
  await hub.rest(1_000);
  expect(rests).toHaveLength(wanted.rests ? 1 : 0);
});
