import { randomUUID } from 'node:crypto';
import { insertMany } from '../../../src/postgres/enqueue';
import { grantTotals, recordBatch, unsettledBatches } from '../../../src/postgres/batches';
import { settleBatch } from '../../../src/postgres/settle';
import { eventsByIds, selectPending } from '../../../src/postgres/claims';
import { pendingExists } from '../../../src/postgres/looks';
import { countByStatus, getEvent } from '../../../src/postgres/events';
import { parkEvents, recordAnew } from '../../../src/postgres/parking';
import { checkFence, fallAsleep, keepRunning, readPublisher, takeOver } from '../../../src/postgres/publishers';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { enqueueSome, kafkaOf, someEvent } from '../../support/events';

// Each test has a tenant, and so a publisher, of its own.
let database: TestDatabase;
let tenant: string;
let count = 0;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  tenant = `t${++count}`;
  await database.pool.query('insert into outbox.tenants (tenant_id) values ($1)', [tenant]);
});

const db = () => database.pool;
const ref = () => kafkaOf(tenant);

/** Takes over, selects up to `limit` and records them as the next batch. */
async function recordNext(limit: number) {
  const { fence, recorded } = await takeOver(db(), ref(), 'w');
  return recordMore(fence, recorded + 1, limit);
}

async function recordMore(fence: string, seq: number, limit: number) {
  const { revision, events } = await selectPending(db(), ref(), { limit });
  const batch = { ref: ref(), fence, seq, revision, batchId: randomUUID(), grantId: 'g', bytes: 2 * events.length };
  const eventIds = events.map((event) => event.id);
  await recordBatch(db(), { ...batch, eventIds });
  return { ...batch, eventIds };
}

const placed = (ids: string[]) =>
  ids.map((eventId, i) => ({ eventId, partition: 3, offset: `${9007199254740993n + BigInt(i)}` }));

it('select, record, settle: events end as published, where Kafka put them', async () => {
  const ids = await enqueueSome(db(), tenant, 3);
  const batch = await recordNext(2);
  expect(batch.eventIds).toEqual(ids.slice(0, 2));
  expect(await unsettledBatches(db(), ref())).toMatchObject([
    { seq: 1, batchId: batch.batchId, eventIds: batch.eventIds, bytes: 4 },
  ]);
  expect(await settleBatch(db(), { ...batch, placements: placed(batch.eventIds) })).toBe(true);
  expect(await settleBatch(db(), { ...batch, placements: placed(batch.eventIds) })).toBe(false);
  expect(await getEvent(db(), tenant, ids[1] as string)).toMatchObject({
    status: 'published',
    batch: batch.batchId,
    partition: 3,
    offset: '9007199254740994',
    publishedAt: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    error: null,
  });
  expect(await countByStatus(db(), tenant)).toEqual({ pending: 1, published: 2, failed: 0, skipped: 0 });
  expect(await readPublisher(db(), ref())).toMatchObject({ recorded: 1, settled: 1 });
  expect(await unsettledBatches(db(), ref())).toEqual([]);
});

it('settles without placements, from the batch’s own list', async () => {
  await enqueueSome(db(), tenant, 2);
  const batch = await recordNext(10);
  expect(await settleBatch(db(), { ...batch, placements: null })).toBe(true);
  expect(await getEvent(db(), tenant, batch.eventIds[1] as string)).toMatchObject({
    status: 'published',
    offset: null,
  });
});

describe('after another drain took over', () => {
  it('every write of the old one is refused and changes nothing', async () => {
    const ids = await enqueueSome(db(), tenant, 3);
    const batch = await recordNext(2);
    const before = await database.pool.query('select * from outbox.events where tenant_id = $1 order by event_id', [
      tenant,
    ]);
    await takeOver(db(), ref(), 'other');
    const { revision } = await selectPending(db(), ref(), { limit: 1 });
    const fenced = { code: 'FENCED' };
    const parked = [{ eventId: ids[2] as string, code: 'EVENT_REFUSED', reason: 'x' }];
    await expect(
      recordBatch(db(), { ...batch, seq: 2, revision, batchId: randomUUID(), eventIds: [ids[2] as string] }),
    ).rejects.toMatchObject(fenced);
    await expect(settleBatch(db(), { ...batch, placements: placed(batch.eventIds) })).rejects.toMatchObject(fenced);
    await expect(
      recordAnew(db(), { ...batch, oldBatchId: batch.batchId, batchId: randomUUID(), parked }),
    ).rejects.toMatchObject(fenced);
    await expect(
      recordAnew(db(), { ...batch, oldBatchId: batch.batchId, batchId: randomUUID(), eventIds: [], parked }),
    ).rejects.toMatchObject(fenced);
    await expect(parkEvents(db(), { ...batch, parked })).rejects.toMatchObject(fenced);
    await expect(checkFence(db(), ref(), batch.fence)).rejects.toMatchObject(fenced);
    expect(await fallAsleep(db(), ref(), batch.fence)).toBeNull();
    expect(await keepRunning(db(), ref(), batch.fence)).toBe(false);
    const after = await database.pool.query('select * from outbox.events where tenant_id = $1 order by event_id', [
      tenant,
    ]);
    expect(after.rows).toEqual(before.rows);
    expect(await unsettledBatches(db(), ref())).toMatchObject([{ seq: 1, batchId: batch.batchId }]);
  });

  it('a write that waited for the row sees the new fence', async () => {
    await enqueueSome(db(), tenant, 1);
    const batch = await recordNext(1);
    const client = await database.pool.connect();
    await client.query('begin');
    await takeOver(client, ref(), 'other');
    const settle = settleBatch(db(), { ...batch, placements: null });
    const refused = expect(settle).rejects.toMatchObject({ code: 'FENCED' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.query('commit');
    client.release();
    await refused;
    expect((await countByStatus(db(), tenant)).pending).toBe(1);
  });

  it('concurrent take-overs each get a fence of their own', async () => {
    const rows = await Promise.all(Array.from({ length: 10 }, (_, i) => takeOver(db(), ref(), `w${i}`)));
    expect(new Set(rows.map((row) => row.fence)).size).toBe(10);
  });
});

describe('recording', () => {
  it('refuses a selection that an operator has touched since', async () => {
    const [id] = await enqueueSome(db(), tenant, 1);
    const { fence } = await takeOver(db(), ref(), 'w');
    const { revision } = await selectPending(db(), ref(), { limit: 1 });
    await database.pool.query('update outbox.publishers set revision = revision + 1 where tenant_id = $1', [tenant]);
    const batch = {
      ref: ref(),
      fence,
      seq: 1,
      revision,
      batchId: randomUUID(),
      grantId: 'g',
      eventIds: [id as string],
      bytes: 2,
    };
    await expect(recordBatch(db(), batch)).rejects.toMatchObject({ code: 'REVISION_CHANGED' });
    expect(await unsettledBatches(db(), ref())).toEqual([]);
  });

  it('twice the same is one batch, so a lost answer may be asked again; another seq is a contradiction', async () => {
    await enqueueSome(db(), tenant, 1);
    const batch = await recordNext(1);
    await recordBatch(db(), batch);
    expect(await unsettledBatches(db(), ref())).toHaveLength(1);
    for (const seq of [1, 3]) {
      await expect(recordBatch(db(), { ...batch, seq, batchId: randomUUID() })).rejects.toMatchObject({
        code: 'LEDGER_MISMATCH',
      });
    }
  });

  it('never lets more than two batches wait, and settles in order only', async () => {
    await enqueueSome(db(), tenant, 3);
    const one = await recordNext(1);
    const two = await recordMore(one.fence, 2, 1);
    await expect(recordMore(one.fence, 3, 1)).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' });
    await expect(settleBatch(db(), { ...two, placements: null })).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' });
    expect(await settleBatch(db(), { ...one, placements: null })).toBe(true);
    await expect(settleBatch(db(), { ...two, batchId: randomUUID(), placements: null })).rejects.toMatchObject({
      code: 'LEDGER_MISMATCH',
    });
    expect(await settleBatch(db(), { ...two, placements: null })).toBe(true);
  });

  it('adds up what a grant has recorded', async () => {
    await enqueueSome(db(), tenant, 3);
    const one = await recordNext(2);
    await recordMore(one.fence, 2, 2);
    await settleBatch(db(), { ...one, placements: null });
    expect(await grantTotals(db(), ref(), 'g')).toEqual({ batches: 2, events: 3, bytes: 6, settled: 2 });
    expect(await grantTotals(db(), ref(), 'other')).toEqual({ batches: 0, events: 0, bytes: 0, settled: 0 });
  });
});

describe('recording anew', () => {
  it('keeps the seq, frees what is left out, parks the poison and outdates earlier selections', async () => {
    const ids = await enqueueSome(db(), tenant, 4);
    const old = await recordNext(3);
    const early = await selectPending(db(), ref(), { limit: 10 });
    expect(early.events.map((e) => e.id)).toEqual(ids.slice(3));
    const batchId = randomUUID();
    const poison = { eventId: ids[1] as string, code: 'EVENT_TOO_LARGE', reason: 'record is 2 MB' };
    const { revision } = await recordAnew(db(), {
      ...old,
      oldBatchId: old.batchId,
      batchId,
      grantId: 'g2',
      eventIds: [ids[0] as string],
      bytes: 2,
      parked: [poison],
    });
    expect(await unsettledBatches(db(), ref())).toMatchObject([
      { seq: 1, batchId, grantId: 'g2', eventIds: [ids[0]], attempts: 1 },
    ]);
    await expect(
      recordBatch(db(), {
        ...old,
        seq: 2,
        revision: early.revision,
        batchId: randomUUID(),
        eventIds: [ids[3] as string],
      }),
    ).rejects.toMatchObject({ code: 'REVISION_CHANGED' });
    const now = await selectPending(db(), ref(), { limit: 10 });
    expect(now).toMatchObject({ revision, events: [{ id: ids[2] }, { id: ids[3] }] });
    expect(await getEvent(db(), tenant, ids[1] as string)).toMatchObject({
      status: 'failed',
      error: { code: 'EVENT_TOO_LARGE', reason: 'record is 2 MB' },
    });
    await expect(settleBatch(db(), { ...old, placements: null })).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' });
    expect(await settleBatch(db(), { ...old, batchId, placements: null })).toBe(true);
    expect(await countByStatus(db(), tenant)).toEqual({ pending: 2, published: 1, failed: 1, skipped: 0 });
  });

  it('with nothing left removes the batch and gives its seq back', async () => {
    const [id] = await enqueueSome(db(), tenant, 1);
    const old = await recordNext(1);
    const parked = [{ eventId: id as string, code: 'EVENT_REFUSED', reason: 'corrupt' }];
    await recordAnew(db(), { ...old, oldBatchId: old.batchId, batchId: randomUUID(), eventIds: [], bytes: 0, parked });
    expect(await readPublisher(db(), ref())).toMatchObject({ recorded: 0, settled: 0 });
    await enqueueSome(db(), tenant, 1);
    expect(await recordNext(1)).toMatchObject({ seq: 1 });
  });
});

it('parks events outside a batch, and the selection without them may still be recorded under the new revision', async () => {
  const ids = await enqueueSome(db(), tenant, 2);
  const { fence } = await takeOver(db(), ref(), 'w');
  const selected = await selectPending(db(), ref(), { limit: 2 });
  const parked = [{ eventId: ids[0] as string, code: 'EVENT_REFUSED', reason: 'x' }];
  const { revision } = await parkEvents(db(), { ref: ref(), fence, revision: selected.revision, parked });
  await expect(parkEvents(db(), { ref: ref(), fence, revision: selected.revision, parked })).rejects.toMatchObject({
    code: 'REVISION_CHANGED',
  });
  await recordBatch(db(), {
    ref: ref(),
    fence,
    seq: 1,
    revision,
    batchId: randomUUID(),
    grantId: 'g',
    eventIds: [ids[1] as string],
    bytes: 2,
  });
  expect(await countByStatus(db(), tenant)).toMatchObject({ failed: 1, pending: 1 });
});

describe('selecting', () => {
  it('does not skip a late commit with a lower id', async () => {
    await takeOver(db(), ref(), 'w');
    const client = await database.pool.connect();
    await client.query('begin');
    const late = await enqueueSome(client, tenant, 1);
    const early = await enqueueSome(db(), tenant, 2);
    const batch = await recordNext(10);
    expect(batch.eventIds).toEqual(early);
    await client.query('commit');
    client.release();
    expect(BigInt(late[0] as string)).toBeLessThan(BigInt(early[0] as string));
    expect((await selectPending(db(), ref(), { limit: 10 })).events.map((e) => e.id)).toEqual(late);
  });

  it('takes as many as fit into the bytes, in order, and at least one', async () => {
    const sizes = [100_000, 100_000, 100_000, 10];
    const results = await insertMany(
      db(),
      sizes.map((size) => someEvent(tenant, { payload: Buffer.alloc(size, 'x') })),
    );
    await takeOver(db(), ref(), 'w');
    const ids = async (maxBytes: number) =>
      (await selectPending(db(), ref(), { limit: 10, maxBytes })).events.map((event) => event.id);
    const all = results.map((result) => result.id);
    expect(await ids(250_000)).toEqual(all.slice(0, 2));
    expect(await ids(1_000)).toEqual(all.slice(0, 1));
    expect(await ids(10_000_000)).toEqual(all);
  });

  it('takes the live lane first, other destinations and blocked topics never', async () => {
    const results = await insertMany(
      db(),
      ['a', 'b', 'c', 'd'].map((topic) => someEvent(tenant, { topic })),
    );
    const [a, b, c, d] = results.map((r) => r.id);
    await database.pool.query('update outbox.events set lane = 1 where event_id = $1', [a]);
    await database.pool.query(`update outbox.events set destination = 'webhook' where event_id = $1`, [d]);
    await takeOver(db(), ref(), 'w');
    const ids = async (excludeTopics: string[]) =>
      (await selectPending(db(), ref(), { limit: 10, excludeTopics })).events.map((e) => [e.id, e.lane]);
    expect(await ids([])).toEqual([
      [b, 'live'],
      [c, 'live'],
      [a, 'replay'],
    ]);
    expect(await ids(['b', 'a'])).toEqual([[c, 'live']]);
  });

  it('pendingExists ignores members of unsettled batches; eventsByIds keeps the given order', async () => {
    const ids = await enqueueSome(db(), tenant, 2);
    expect(await pendingExists(db(), [ref(), kafkaOf('nobody')])).toEqual([ref()]);
    await recordNext(10);
    expect(await pendingExists(db(), [ref()])).toEqual([]);
    const reversed = [...ids].reverse();
    expect((await eventsByIds(db(), tenant, reversed)).map((e) => e.id)).toEqual(reversed);
    await expect(eventsByIds(db(), tenant, ['1', '999999999'])).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' });
  });
});
