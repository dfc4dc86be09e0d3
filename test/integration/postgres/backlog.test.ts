import { Registry } from 'prom-client';
import { collectOnce } from '../../../src/service/backlog-collector';
import { BacklogGauges } from '../../../src/telemetry/backlog-gauges';
import { createLogger } from '../../../src/telemetry/logger';
import { createMetrics } from '../../../src/telemetry/metrics';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const NAMED = 50;

function collector() {
  const registry = new Registry();
  const metrics = createMetrics(registry, { version: '0' });
  const gauges = new BacklogGauges(metrics, NAMED);
  const options = {
    pool: database.pool,
    gauges,
    intervalMs: 5_000,
    mostTenants: NAMED,
    logger: createLogger({ level: 'silent', name: 'test' }),
  };
  const read = async (): Promise<Map<string, number>> => {
    const lines = (await registry.metrics()).split('\n').filter((line) => /^(memory|outbox)_/.test(line));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
  };
  return { collect: () => collectOnce(options), read, gauges, registry };
}

/** Tenants t1 … tN with so many pending events each, accepted an hour ago. */
async function tenants(from: number, to: number, events: number): Promise<void> {
  await database.pool.query(
    `with t as (insert into outbox.tenants (tenant_id) select 't' || n from generate_series($1::int, $2::int) n returning tenant_id),
          p as (insert into outbox.publishers (tenant_id, destination, shard) select tenant_id, 'kafka', 0 from t)
     insert into outbox.events (tenant_id, dedupe_key, topic, event_type, created_at)
     select tenant_id, 'd' || e, 'orders', 'x', clock_timestamp() - interval '1 hour' from t, generate_series(1, $3::int) e`,
    [from, to, events],
  );
}

const setState = (tenant: string, set: string) =>
  database.pool.query(`update outbox.publishers set ${set} where tenant_id = $1`, [tenant]);

it('shows the backlog and the breaker of each tenant, and what waits for what', async () => {
  await tenants(1, 4, 3);
  await tenants(5, 5, 2_345);
  await setState('t2', `state = 'open', breaker = '{}'`);
  await setState('t5', `state = 'running', breaker = '{}'`);
  await setState('t3', `state = 'paused'`);
  await setState('t4', `state = 'throttled'`);
  await database.pool.query(`update outbox.events set lane = 2 where tenant_id = 't1' and dedupe_key = 'd3'`);
  const { collect, read } = collector();
  await collect();
  const shown = await read();
  expect(shown.get('memory_outbox_pending{tenant_id="t5"}')).toBe(2_345);
  expect(shown.get('memory_outbox_pending{tenant_id="t1"}')).toBe(3);
  expect(shown.get('memory_outbox_pending{tenant_id="other"}')).toBe(0);
  expect(shown.get('memory_circuit_state{tenant_id="t2"}')).toBe(1);
  expect(shown.get('memory_circuit_state{tenant_id="t1"}')).toBe(0);
  expect(shown.get('memory_circuit_state{tenant_id="t5"}')).toBe(2);
  expect(shown.get('outbox_breakers_open')).toBe(2);
  expect(shown.get('outbox_publishers{state="sleeping"}')).toBe(1);
  for (const [state, pending] of Object.entries({
    pending: 2_347,
    held: 1,
    open: 3,
    paused: 3,
    throttled: 3,
  })) {
    expect(shown.get(`outbox_pending_events{state="${state}"}`)).toBe(pending);
  }
  expect(shown.get('outbox_oldest_pending_age_seconds{state="open"}')).toBeGreaterThanOrEqual(3_600);
});

it('while everything is paused, nothing waits for anything else that somebody would be woken for', async () => {
  await tenants(1, 3, 3);
  await setState('t2', `state = 'throttled'`);
  await database.pool.query(`insert into outbox.global_pause (by, why) values ('me', 'a test')`);
  const { collect, read } = collector();
  await collect();
  const paused = await read();
  for (const [state, pending] of Object.entries({ pending: 0, throttled: 0, paused: 9 })) {
    expect(paused.get(`outbox_pending_events{state="${state}"}`)).toBe(pending);
  }
  expect(paused.get('outbox_oldest_pending_age_seconds{state="pending"}')).toBe(0);
  expect(paused.get('outbox_oldest_pending_age_seconds{state="paused"}')).toBeGreaterThanOrEqual(3_600);
  await database.pool.query(`update outbox.global_pause set until = clock_timestamp()`);
  await collect();
  expect((await read()).get('outbox_pending_events{state="pending"}')).toBe(6);
});

it('a tenant that has nothing left stays at 0, one that is gone goes, and a process that does not lead shows nothing', async () => {
  await tenants(1, 3, 1);
  const { collect, read, gauges } = collector();
  expect([...(await read()).keys()].filter((name) => name.startsWith('memory_'))).toEqual([]);
  await collect();
  await database.pool.query(`update outbox.events set status = 'published' where tenant_id in ('t1', 't2')`);
  await database.pool.query(`delete from outbox.tenants where tenant_id = 't2'`);
  await collect();
  const shown = await read();
  expect(shown.get('memory_outbox_pending{tenant_id="t1"}')).toBe(0);
  expect(shown.has('memory_outbox_pending{tenant_id="t2"}')).toBe(false);
  expect(shown.has('memory_circuit_state{tenant_id="t2"}')).toBe(false);
  expect(shown.get('memory_outbox_pending{tenant_id="t3"}')).toBe(1);
  gauges.clear();
  const left = [...(await read())].filter(([name]) =>
    /^memory_|^outbox_(pending|oldest|publishers|breakers|metrics)/.test(name),
  );
  expect(left).toEqual([]);
});

it('the largest backlogs are counted in full although many others are older', async () => {
  await tenants(1, 100, 400);
  await tenants(101, 105, 3_000);
  await tenants(106, 106, 5_000);
  const { collect, read } = collector();
  await collect();
  const shown = await read();
  const named = (tenant: string) => shown.get(`memory_outbox_pending{tenant_id="${tenant}"}`);
  expect(named('t106')).toBe(5_000);
  expect(Array.from({ length: 5 }, (_, index) => named(`t${101 + index}`))).toEqual(Array(5).fill(3_000));
  expect(named('t1')).toBe(400);
  expect(named('other')).toBe(400 * (100 - NAMED + 6));
});

it('10,000 tenants with backlog: names the largest, sums up the rest, and stays small', async () => {
  await tenants(1, 9_990, 1);
  await tenants(9_991, 10_000, 300);
  const { collect, read, registry } = collector();
  const started = performance.now();
  await collect();
  const counted = performance.now();
  const text = await registry.metrics();
  const served = performance.now();
  process.stderr.write(
    `10,000 tenants: counted in ${Math.round(counted - started)} ms, /metrics ${text.length} bytes in ${Math.round(served - counted)} ms\n`,
  );
  expect(text.length).toBeLessThan(1_048_576);
  const shown = await read();
  const named = [...shown].filter(([name]) => name.startsWith('memory_outbox_pending'));
  expect(named).toHaveLength(NAMED + 1);
  expect(named.reduce((sum, [, events]) => sum + events, 0)).toBe(9_990 + 3_000);
  expect(shown.get('memory_outbox_pending{tenant_id="t9995"}')).toBe(300);
});
