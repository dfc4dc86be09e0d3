import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { selectPending } from '../../../src/postgres/claims';
import { countByStatus } from '../../../src/postgres/events';
import { parkEvents, recordAnew } from '../../../src/postgres/parking';
import { createPool } from '../../../src/postgres/pool';
import { checkFence, fallAsleep, keepRunning, readPublisher, takeOver } from '../../../src/postgres/publishers';
import { settleBatch } from '../../../src/postgres/settle';
import { createTenant } from '../../../src/postgres/tenants';
import { migrateInChild } from '../../support/database';
import { enqueueSome, kafkaOf } from '../../support/events';
import { startOwnStack } from '../../support/stack';
import type { OwnStack } from '../../support/stack';

// After a fail-over or a restore the row may say what a drain remembers, by chance: here it always does.
let stack: OwnStack;
let pool: Pool;
const ref = kafkaOf('acme');
const DATABASE = 'fenced';

function urlOf(database: string): string {
  const url = new URL(stack.databaseUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(...statements: string[]): Promise<void> {
  const admin = createPool(stack.databaseUrl, { max: 1 });
  for (const statement of statements) await admin.query(statement);
  await admin.end();
}

beforeAll(async () => {
  stack = await startOwnStack({ only: ['postgres'] });
  await onServer(`create database ${DATABASE}`);
  await migrateInChild(urlOf(DATABASE), 'up');
  pool = createPool(urlOf(DATABASE));
  await createTenant(pool, 'acme');
}, 120_000);
afterAll(async () => {
  await pool.end();
  await stack.stop();
});

const WAYS: { name: string; happens: () => Promise<void> }[] = [
  { name: 'the server was restarted', happens: () => stack.restart('postgres') },
  {
    name: 'the table was restored in place',
    happens: async () => {
      await pool.query('create table older as select * from outbox.publishers');
      await pool.query(
        'truncate outbox.publishers; insert into outbox.publishers select * from older; drop table older',
      );
    },
  },
  {
    name: 'the database was restored on the same server',
    happens: async () => {
      await pool.end();
      await onServer(
        `create database older template ${DATABASE}`,
        `drop database ${DATABASE} with (force)`,
        `alter database older rename to ${DATABASE}`,
      );
      pool = createPool(urlOf(DATABASE));
    },
  },
];

it.each(WAYS)(
  '$name: a drain that took over before can write nothing, although row and number are the same',
  async ({ happens }) => {
    const ids = await enqueueSome(pool, 'acme', 3);
    const { fence, recorded, revision } = await takeOver(pool, ref, 'w');
    const batch = { ref, fence, seq: recorded + 1, revision, batchId: randomUUID(), grantId: 'g', bytes: 2 };
    const eventIds = ids.slice(0, 2);
    await recordBatch(pool, { ...batch, eventIds });
    const facts = async () => {
      const row = await readPublisher(pool, ref);
      const told = [row?.fence.split('@')[0], row?.recorded, row?.settled, row?.revision, row?.state];
      return [told, await countByStatus(pool, 'acme'), await unsettledBatches(pool, ref)];
    };
    const before = await facts();
    await happens();

    const fenced = { code: 'FENCED', message: expect.stringContaining('another server') as string };
    const other = { ...batch, batchId: randomUUID() };
    const parked = [{ eventId: ids[2] as string, code: 'EVENT_REFUSED', reason: 'x' }];
    await expect(recordBatch(pool, { ...other, seq: batch.seq + 1, eventIds: ids.slice(2) })).rejects.toMatchObject(
      fenced,
    );
    await expect(settleBatch(pool, { ...batch, placements: null })).rejects.toMatchObject(fenced);
    for (const kept of [eventIds.slice(1), []]) {
      await expect(
        recordAnew(pool, { ...other, oldBatchId: batch.batchId, eventIds: kept, parked }),
      ).rejects.toMatchObject(fenced);
    }
    await expect(parkEvents(pool, { ref, fence, parked })).rejects.toMatchObject(fenced);
    await expect(checkFence(pool, ref, fence)).rejects.toMatchObject(fenced);
    await expect(selectPending(pool, ref, { limit: 1, fence })).rejects.toMatchObject(fenced);
    await expect(takeOver(pool, ref, 'w', fence)).rejects.toMatchObject(fenced);
    expect(await keepRunning(pool, ref, fence)).toBe(false);
    expect(await fallAsleep(pool, ref, fence)).toBeNull();
    expect(await facts()).toEqual(before);

    const anew = await takeOver(pool, ref, 'w');
    expect(await settleBatch(pool, { ...batch, fence: anew.fence, placements: null })).toBe(true);
  },
);
