import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { ADMIN_KEY } from '../../../faults/harness/service-process';
import { Rig } from '../../../faults/harness/rig';
import { createTopics, sharedServers, until } from '../../support/fault-run';
import { contents } from '../../support/kafka';
import { expectProblem } from '../api/support';
import { all, call } from './support';
import type { Input } from './support';

/** Orders over the admin API of a real api process, with a real worker behind Temporal. */
describe('orders to publishers', () => {
  let rig: Rig;
  let api: { adminUrl: string };
  let client: Client;
  let connection: Connection;
  let topic: string;
  let tenants: string[];

  beforeAll(async () => {
    rig = await Rig.start({ name: 'adminapi', servers: sharedServers() });
    tenants = await rig.tenants(7);
    topic = `${rig.options.name}-orders`;
    await createTopics(rig.direct.kafkaBrokers, [topic]);
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    const started = await rig.api();
    api = { adminUrl: started.adminUrl };
    await rig.worker({ env: { OUTBOX_LINGER: '20ms' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const ask = (id: string, input: Input = {}): ReturnType<typeof call> => call(api, id, { key: ADMIN_KEY, ...input });
  const order = (id: string, tenant: string, body: object = {}): ReturnType<typeof call> =>
    ask(id, { params: { tenant }, body: { why: 'a test', ...body } });
  const enqueue = (tenant: string): Promise<unknown> =>
    rig.installation.query(`select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb)`, [
      tenant,
      topic,
    ]);
  const published = async (tenant: string): Promise<number> => {
    const rows = await rig.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`,
      [tenant],
    );
    return rows[0]?.n ?? 0;
  };
  const actions = async (tenant: string): Promise<unknown[]> =>
    (await all(api, 'listAudit', 'entries', { key: ADMIN_KEY, query: { tenant } }))
      .map((entry) => entry['action'])
      .reverse();

  it('opens the breaker of a publisher that never ran, holds events back over a termination, and closes it', async () => {
    const tenant = tenants[0] ?? '';
    expect((await ask('getCircuit', { params: { tenant } })).body).toMatchObject({
      state: 'closed',
      failure_threshold: 3,
      reset_interval: 1,
    });
    const opened = await order('openCircuit', tenant);
    expect(opened.body).toMatchObject({
      state: 'open',
      held_open: true,
      reason: 'OUTBOX_ADMIN_KEY: a test',
      next_probe_at: null,
      transitions: [{ from: 'closed', to: 'open' }],
    });
    await enqueue(tenant);
    await until('the row says open', async () => {
      const { body } = await ask('getPublisher', { params: { tenant } });
      return (
        body['state'] === 'open' &&
        (body['workflow'] as { breaker: { state: string } } | null)?.breaker.state === 'open'
      );
    });
    await client.workflow.getHandle(`publisher:${tenant}`).terminate('a test');
    // Without a workflow the row answers, and it remembers who holds the breaker open.
    expect((await ask('getCircuit', { params: { tenant } })).body).toMatchObject({ state: 'open', held_open: true });
    await rig.installation.query(
      `update outbox.publishers set blocked = '{"orders":"KAFKA_TOPIC_MISSING"}' where tenant_id = $1`,
      [tenant],
    );
    const row = await ask('getPublisher', { params: { tenant } });
    expect(row.body['blocked']).toEqual({ orders: 'KAFKA_TOPIC_MISSING' });
    expect(row.body).toMatchObject({ workflow: null, workflow_reason: expect.stringContaining('No workflow runs') });
    expect(await published(tenant)).toBe(0);
    expect((await order('resetCircuit', tenant)).body).toMatchObject({ state: 'closed', held_open: false });
    await until('it is published', async () => (await published(tenant)) === 1);
    expect(await actions(tenant)).toEqual(['circuit.open', 'circuit.reset']);
    const [last] = await all(api, 'listAudit', 'entries', {
      key: ADMIN_KEY,
      query: { tenant, action: 'circuit.reset' },
    });
    expect(last).toMatchObject({
      actor: 'OUTBOX_ADMIN_KEY',
      why: 'a test',
      before: { state: 'open', held_open: true },
      after: { state: 'closed', held_open: false },
    });
  });

  it('takes the settings of a breaker back, for good', async () => {
    const [tenant = ''] = (await rig.tenants(9)).slice(-1);
    const circuit = async (): Promise<unknown> => (await ask('getCircuit', { params: { tenant } })).body;
    const defaults = { failure_threshold: 3, reset_interval: 1 };
    await order('configureCircuit', tenant, { failure_threshold: 7, reset_interval: 1.5 });
    for (const half of [{ failure_threshold: null }, { failure_threshold: null, reset_interval: 2 }]) {
      expectProblem(await order('configureCircuit', tenant, half), 422, 'invalid_body');
    }
    expect(await circuit()).toMatchObject({ failure_threshold: 7, reset_interval: 1.5 });
    const { body } = await order('configureCircuit', tenant, { failure_threshold: null, reset_interval: null });
    expect(body).toMatchObject(defaults);
    await until('the row forgets them', async () => {
      const rows = await rig.installation.query<{ own: unknown }>(
        `select limits -> 'breaker' as own from outbox.publishers where tenant_id = $1`,
        [tenant],
      );
      return rows[0]?.own === null;
    });
    await client.workflow.getHandle(`publisher:${tenant}`).terminate('a test');
    expect(await circuit()).toMatchObject(defaults);
  });

  it('configures breaker and settings; what is left out stays', async () => {
    const tenant = tenants[1] ?? '';
    await order('configureCircuit', tenant, { failure_threshold: 7 });
    const { body } = await order('configureCircuit', tenant, { reset_interval: 1.5 });
    expect(body).toMatchObject({ failure_threshold: 7, reset_interval: 1.5 });
    expect((await ask('getSettings', { params: { tenant } })).body).toEqual({
      tenant_id: tenant,
      on_poison: 'hold-key',
      max_attempts: 5,
      weight: 1,
      plain_key: [],
      retention: null,
    });
    await order('changeSettings', tenant, { weight: 3 });
    expect((await order('changeSettings', tenant, { on_poison: 'skip' })).body).toEqual({
      tenant_id: tenant,
      on_poison: 'skip',
      max_attempts: 5,
      weight: 3,
      plain_key: [],
      retention: null,
    });
    expect((await order('changeSettings', tenant, { retention: '30d' })).body).toMatchObject({
      weight: 3,
      retention: '30d',
    });
    expectProblem(await order('changeSettings', tenant, { retention: '30 days' }), 422, 'invalid_body');
    expect((await order('changeSettings', tenant, { retention: null })).body).toMatchObject({
      weight: 3,
      retention: null,
    });
    expectProblem(await order('configureCircuit', tenant), 422, 'invalid_body');
    expectProblem(await order('configureCircuit', tenant, { failure_threshold: 0 }), 422, 'invalid_body');
    expectProblem(await order('changeSettings', tenant, { weight: 0 }), 422, 'invalid_body');
    expect(await actions(tenant)).toEqual([
      'circuit.configure',
      'circuit.configure',
      'tenant.settings',
      'tenant.settings',
      'tenant.settings',
      'tenant.settings',
    ]);
  });

  it('plain keys: from the next drain on, over a termination, and back', async () => {
    const tenant = tenants[6] ?? '';
    let sent = await published(tenant);
    const sendOne = async (key: string): Promise<void> => {
      const text = `select outbox.enqueue(tenant => $1, topic => $2, type => 't', key => $3, payload => '{}'::jsonb)`;
      await rig.installation.query(text, [tenant, topic, key]);
      sent += 1;
      await until(`${key} is published`, async () => (await published(tenant)) === sent);
      // A drain that lingers would still send the next event under its own request.
      await until('the publisher sleeps', async () => {
        const { body } = await ask('listPublishers', { query: { tenant, state: 'sleeping' } });
        return (body['publishers'] as unknown[]).length === 1;
      });
    };
    await sendOne('one');
    expect((await order('changeSettings', tenant, { plain_key: [topic, topic] })).body).toMatchObject({
      plain_key: [topic],
      weight: 1,
    });
    await sendOne('two');
    await client.workflow.getHandle(`publisher:${tenant}`).terminate('a test');
    expect((await ask('getSettings', { params: { tenant } })).body).toMatchObject({ plain_key: [topic] });
    await sendOne('three');
    await order('changeSettings', tenant, { plain_key: [] });
    await sendOne('four');
    const { committed } = await contents(rig.direct.kafkaBrokers.split(','), topic);
    const keys = committed.map((record) => String(record.key)).filter((key) => /one|two|three|four/.test(key));
    expect(keys.sort()).toEqual([`${tenant}:four`, `${tenant}:one`, 'three', 'two']);
    for (const plain_key of ['orders', ['no spaces'], [''], Array.from({ length: 101 }, () => 'orders')]) {
      expectProblem(await order('changeSettings', tenant, { plain_key }), 422, 'invalid_body');
    }
  });

  it('adjusts a quota: 0 stops, null frees, old and new are told', async () => {
    const tenant = tenants[2] ?? '';
    const stopped = await order('adjustQuota', tenant, { rate_per_second: 0 });
    expect(stopped.body).toMatchObject({ old: { rate_per_second: null }, new: { rate_per_second: 0 }, adjusted: true });
    await enqueue(tenant);
    await until(
      'the row says throttled',
      async () => (await ask('getPublisher', { params: { tenant } })).body['state'] === 'throttled',
    );
    const listed = await all(api, 'listQuotas', 'quotas', { key: ADMIN_KEY, query: { tenant_filter: tenant } });
    expect(listed).toEqual([expect.objectContaining({ tenant_id: tenant, rate_per_second: 0 })]);
    expect(await published(tenant)).toBe(0);
    expect((await order('adjustQuota', tenant, { new_limit: 50, burst: 10 })).body).toMatchObject({
      new: { rate_per_second: 50, burst: 10 },
    });
    await until('it is published', async () => (await published(tenant)) === 1);
    expect((await ask('getQuota', { params: { tenant } })).body).toMatchObject({ rate_per_second: 50, burst: 10 });
    expectProblem(await order('adjustQuota', tenant, { new_limit: 1, rate_per_second: 2 }), 422);
    expectProblem(await order('adjustQuota', tenant, { rate_per_second: -1 }), 422);
    const own = { rate_per_second: 5, max_pending: 100 };
    const limited = await order('adjustQuota', tenant, { bytes_per_second: 1_000_000, ingest: own });
    expect(limited.body).toMatchObject({
      old: { bytes_per_second: null, ingest: { rate_per_second: null } },
      new: { rate_per_second: 50, bytes_per_second: 1_000_000, ingest: own },
    });
    expect((await order('resetQuota', tenant)).body).toMatchObject({
      new: { rate_per_second: null, bytes_per_second: null, ingest: { rate_per_second: null, max_pending: null } },
    });
    expect(await actions(tenant)).toEqual([
      'quota.adjust',
      'quota.adjust',
      'quota.adjust',
      'ingest.adjust',
      'quota.reset',
      'ingest.reset',
    ]);
  });

  it('pauses and resumes a tenant', async () => {
    const tenant = tenants[3] ?? '';
    const paused = await order('pauseTenant', tenant, { until: '2099-01-01T00:00:00Z' });
    expect(paused.body).toMatchObject({
      paused: { by: 'OUTBOX_ADMIN_KEY', why: 'a test', until: '2099-01-01T00:00:00.000Z' },
    });
    await enqueue(tenant);
    await until('it is complete', async () => {
      const { body } = await ask('getPublisher', { params: { tenant } });
      return body['state'] === 'paused' && body['paused'] !== null && body['attached'] === null;
    });
    expect(await all(api, 'listPublishers', 'publishers', { key: ADMIN_KEY, query: { state: 'paused' } })).toHaveLength(
      1,
    );
    // The row still says paused when the order starts a new workflow, which reads it.
    await client.workflow.getHandle(`publisher:${tenant}`).terminate('a test');
    expect((await order('resumeTenant', tenant)).body).toMatchObject({ paused: null });
    await until('it is published', async () => (await published(tenant)) === 1);
    expect(await actions(tenant)).toEqual(['tenant.pause', 'tenant.resume']);
  });

  it('pauses everything with one row, and resumes', async () => {
    const tenant = tenants[1] ?? '';
    const until2099 = { why: 'a test', until: '2099-01-01T00:00:00Z' };
    expect((await ask('pauseAll', { body: until2099 })).body).toMatchObject({
      paused: { by: 'OUTBOX_ADMIN_KEY', until: '2099-01-01T00:00:00.000Z' },
    });
    await until('the pause is complete', async () => (await ask('getPause')).body['running'] === 0);
    await enqueue(tenant);
    await delay(1_500);
    expect(await published(tenant)).toBe(0);
    expect((await ask('resumeAll', { body: { why: 'a test' } })).body).toMatchObject({ paused: null });
    await until('it is published', async () => (await published(tenant)) === 1);
    const entries = await all(api, 'listAudit', 'entries', { key: ADMIN_KEY, query: { action: 'all.pause' } });
    expect(entries).toEqual([
      expect.objectContaining({ tenant_id: null, before: null, after: expect.objectContaining({ why: 'a test' }) }),
    ]);
  });

  it('suspends, re-activates and deletes a tenant: only with everything published, or by force', async () => {
    const [tenant = ''] = (await rig.tenants(8)).slice(-1);
    expect((await order('suspendTenant', tenant)).body).toEqual({ tenant_id: tenant, status: 'suspended' });
    await expect(enqueue(tenant)).rejects.toMatchObject({ code: 'OB003' });
    expect((await order('reactivateTenant', tenant)).body).toEqual({ tenant_id: tenant, status: 'active' });
    await order('pauseTenant', tenant);
    await enqueue(tenant);
    const refused = await order('deleteTenant', tenant);
    expectProblem(refused, 409, 'conflict');
    expect(refused.body['detail']).toContain('1 events of this tenant are not published');
    const body = { why: 'a test' };
    const done = await ask('deleteTenant', { params: { tenant }, query: { force: 'true' }, body });
    expect(done.body).toEqual({ tenant_id: tenant, deleted: true, skipped: 1, removed: 1 });
    expectProblem(await order('deleteTenant', tenant), 404, 'not_found');
    const { status } = await client.workflow.getHandle(`publisher:${tenant}`).describe();
    expect(status.name).toBe('TERMINATED');
    expect(await actions(tenant)).toEqual([
      'tenant.suspend',
      'tenant.reactivate',
      'tenant.pause',
      'tenant.delete',
      'tenant.delete',
    ]);
  });

  it('makes no publisher for a tenant that does not exist', async () => {
    for (const id of ['openCircuit', 'resetCircuit', 'pauseTenant', 'resumeTenant'])
      expectProblem(await order(id, 'nobody'), 404, 'not_found');
    expectProblem(await ask('getCircuit', { params: { tenant: 'nobody' } }), 404, 'not_found');
    expectProblem(await ask('getPublisher', { params: { tenant: 'nobody' } }), 404, 'not_found');
    await expect(client.workflow.getHandle('publisher:nobody').describe()).rejects.toMatchObject({
      name: 'WorkflowNotFoundError',
    });
  });

  it('the doctor finds all well', async () => {
    await enqueue(tenants[4] ?? '');
    await until('it is published', async () => (await published(tenants[4] ?? '')) === 1);
    const { body } = await ask('runDoctor');
    const checks = body['checks'] as { name: string; ok: boolean; remedy: string | null }[];
    expect(checks.map((check) => check.name)).toEqual(
      expect.arrayContaining([
        'postgres',
        'schema',
        'hanging transactions',
        'clock',
        'kafka',
        'ledger topic',
        'relays',
        'topics of relays',
        'work of relays',
        'temporal',
        'workers',
      ]),
    );
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(body['ok']).toBe(true);
  });

  it('answers 503 with the remedy while Temporal is out of reach, and still shows rows', async () => {
    const tenant = tenants[5] ?? '';
    await order('pauseTenant', tenant);
    rig.temporal.pause('temporal_black_hole');
    const started = Date.now();
    const answer = await order('resumeTenant', tenant);
    expect(Date.now() - started).toBeLessThan(15_000);
    expect(answer.status).toBe(503);
    expect(answer.body).toMatchObject({
      code: 'unavailable',
      detail: expect.stringMatching(/Check that Temporal .*try again\.$/),
    });
    expect(answer.headers.get('retry-after')).toBe('5');
    const row = await ask('getPublisher', { params: { tenant } });
    expect(row).toMatchObject({
      status: 200,
      body: { tenant_id: tenant, workflow: null, workflow_reason: expect.stringContaining('Temporal') },
    });
    const doctor = await ask('runDoctor');
    const sick = (doctor.body['checks'] as { name: string; ok: boolean; remedy: string | null }[]).filter(
      (check) => !check.ok,
    );
    expect(sick.map((check) => check.name).sort()).toEqual(['temporal', 'workers']);
    expect(sick.every((check) => (check.remedy ?? '') !== '')).toBe(true);
    expect(await actions(tenant)).toEqual(['tenant.pause']);
    rig.temporal.resume();
    await until('Temporal answers again', async () => (await order('resumeTenant', tenant)).status === 200);
  });
});
