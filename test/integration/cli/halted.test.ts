import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from '../../../src/postgres/pool';
import type { CliRig } from './rig';
import { startCliRig } from './rig';

let cli: CliRig;
let tenant = '';

beforeAll(async () => {
  cli = await startCliRig('clihalt');
  tenant = `${cli.rig.options.name}-t`;
  await cli.json('tenant', 'create', tenant);
}, 120_000);
afterAll(() => cli?.close());

/**
 * As if Kafka had lost its last batch: the row knows one more than the ledger. A deleted ledger would not do,
 * as the drain finds its entry in the log of Kafka's offsets and goes on.
 */
async function loseLastBatch(): Promise<void> {
  const pool = createPool(cli.rig.direct.databaseUrl, { max: 1, connectTimeoutMs: 2_000 });
  try {
    await pool.query('update outbox.publishers set recorded = 2, settled = 2 where tenant_id = $1', [tenant]);
  } finally {
    await pool.end();
  }
}

/** Halted, and not since `before`. */
async function untilHalted(before: unknown = null): Promise<Record<string, unknown>> {
  for (const deadline = Date.now() + 60_000; ; await delay(200)) {
    const [row] = (await cli.json('halted', 'show', tenant))['halted'] as Record<string, unknown>[];
    if (row !== undefined && row['since'] !== before) return row;
    if (Date.now() > deadline) throw new Error(`not halted\n${await cli.rig.describe()}`);
  }
}

test('both sides are shown; recheck does not help; resend says first what it would do, then ends the halt', async () => {
  expect((await cli.run('halted', 'show')).out).toBe('nothing is halted\n');
  await cli.enqueue(tenant, 3);
  await cli.untilStatus(tenant, 'published', 3);
  // Another worker takes over, and so reads the ledger.
  await cli.rig.services[1]?.child.stop();
  await loseLastBatch();
  await cli.rig.worker();
  await cli.enqueue(tenant, 2);
  const first = await untilHalted();
  expect(first).toMatchObject({ tenant_id: tenant, postgres: { settled: '2' }, kafka: { seq: '1' } });
  expect((await cli.run('halted', 'show')).out).toMatch(/^postgres +\{"recorded":"2","settled":"2"/m);

  expect((await cli.run('halted', 'recheck', tenant, '--why', 'x')).out).toContain(`recheck of ${tenant} accepted`);
  await untilHalted(first['since']);
  const dry = await cli.run('halted', 'resend', tenant, '--why', 'Kafka lost it');
  expect([dry.code, dry.out]).toEqual([0, expect.stringContaining(`would resend ${tenant}: Postgres tells the truth`)]);
  expect(dry.err).toBe('Nothing was changed. Add --yes to do it.\n');

  expect((await cli.run('halted', 'resend', tenant, '--why', 'Kafka lost it', '--yes')).code).toBe(0);
  await cli.untilStatus(tenant, 'published', 5);
  expect(await cli.json('halted', 'show')).toEqual({ halted: [], relays: [], next: null });
  const { entries } = await cli.json('changes', '--tenant', tenant, '--action', 'halt.resend');
  expect(entries).toEqual([expect.objectContaining({ why: 'Kafka lost it' })]);
  const refused = await cli.run('halted', 'adopt', tenant, '--why', 'x', '--yes');
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('not halted')]);
});

test('adopt: Kafka’s side is shown, and what it holds counts as published', async () => {
  const pool = createPool(cli.rig.direct.databaseUrl, { max: 1, connectTimeoutMs: 2_000 });
  try {
    // As after the restore of an older copy: Kafka has batches and an event that Postgres knows nothing of.
    await pool.query(
      `update outbox.publishers set recorded = 0, settled = 0, settled_at = null, fence = fence + 1 where tenant_id = $1`,
      [tenant],
    );
    const { rows } = await pool.query<{ id: string }>(
      `update outbox.events set status = 'pending' where event_id =
         (select max(event_id) from outbox.events where tenant_id = $1) returning event_id::text as id`,
      [tenant],
    );
    await cli.enqueue(tenant, 1);
    expect(await untilHalted()).toMatchObject({
      postgres: { recorded: '0', settled: '0' },
      kafka: { seq: expect.stringMatching(/^[1-9]\d*$/) as string, batch_id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      kafka_reason: null,
    });
    expect((await cli.run('halted', 'adopt', tenant, '--why', 'Kafka is right', '--yes')).code).toBe(0);
    await cli.untilStatus(tenant, 'published', 6);
    const { rows: again } = await pool.query<{ batches: number }>(
      `select count(*)::int as batches from outbox.batches where tenant_id = $1 and $2::bigint = any (event_ids)
         and grant_id <> 'adopted'`,
      [tenant, rows[0]?.id],
    );
    expect(again[0]?.batches).toBe(1);
  } finally {
    await pool.end();
  }
});
