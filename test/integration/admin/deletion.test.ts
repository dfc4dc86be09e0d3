import { Client, Connection } from '@temporalio/client';
import { ADMIN_KEY } from '../../../faults/harness/service-process';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { createTopics, sharedServers, until } from '../../support/fault-run';
import { expectProblem } from '../api/support';
import { all, call } from './support';
import type { Input } from './support';

/** A tenant's end over the admin API, with a real worker behind Temporal, and another tenant of the same name after it. */
describe('deleting a tenant', () => {
  let rig: Rig;
  let api: { adminUrl: string };
  let client: Client;
  let connection: Connection;
  let topic: string;
  let tenants: string[];

  beforeAll(async () => {
    rig = await Rig.start({ name: 'deletion', servers: sharedServers() });
    tenants = await rig.tenants(2);
    topic = `${rig.options.name}-orders`;
    await createTopics(rig.direct.kafkaBrokers, [topic]);
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    api = { adminUrl: (await rig.api()).adminUrl };
    await rig.worker({ env: { OUTBOX_LINGER: '20ms' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const ask = (id: string, input: Input = {}): ReturnType<typeof call> => call(api, id, { key: ADMIN_KEY, ...input });
  const order = (id: string, tenant: string, body: object = {}): ReturnType<typeof call> =>
    ask(id, { params: { tenant }, body: { why: 'a test', ...body } });
  const enqueue = async (tenant: string): Promise<void> => {
    await rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb)`,
      [tenant, topic],
    );
  };
  const isPublished = async (tenant: string): Promise<boolean> => {
    const rows = await rig.installation.query<{ status: string }>(
      'select status from outbox.events where tenant_id = $1',
      [tenant],
    );
    return rows.length === 1 && rows[0]?.status === 'published';
  };
  const statusOf = async (workflowId: string): Promise<string> =>
    (await client.workflow.getHandle(workflowId).describe()).status.name;
  const publisherRow = async (tenant: string): Promise<Record<string, unknown> | undefined> => {
    const rows = await rig.installation.query<Record<string, unknown>>(
      `select state, state_until, limits, paused, breaker
       from outbox.publishers where tenant_id = $1`,
      [tenant],
    );
    return rows[0];
  };
  /** A replay that waits for its tenant to be resumed, paused itself: its workflow would wait for ever. */
  const pausedReplay = async (tenant: string): Promise<string> => {
    const events = await rig.installation.query<{ id: string }>(
      'select event_id::text as id from outbox.events where tenant_id = $1',
      [tenant],
    );
    const plan = await ask('planReplay', { body: { tenant_id: tenant, event_ids: events.map(({ id }) => id) } });
    const started = await ask('startReplay', {
      body: { plan_id: plan.body['plan_id'], replay_id: 'again', expected_count: 1, tenant_id: tenant, why: 'a test' },
    });
    expect(started.status).toBe(202);
    const id = `replay:${tenant}:again`;
    await until('the replay runs', () =>
      statusOf(id).then(
        (status) => status === 'RUNNING',
        () => false,
      ),
    );
    const params = { tenant, replay_id: 'again' };
    expect((await ask('pauseReplay', { params, body: { why: 'a test' } })).status).toBe(200);
    return id;
  };

  it('ends its publisher and its replays, and a tenant of the same name starts clean where the ledger is', async () => {
    const [tenant = ''] = tenants;
    await enqueue(tenant);
    await until('it is published', () => isPublished(tenant));
    await order('adjustQuota', tenant, { rate_per_second: 0 });
    await order('configureCircuit', tenant, { failure_threshold: 9 });
    await order('changeSettings', tenant, { weight: 3, on_poison: 'skip' });
    await order('pauseTenant', tenant);
    const replay = await pausedReplay(tenant);
    await until('the row says paused', async () => (await publisherRow(tenant))?.['state'] === 'paused');
    expect(await publisherRow(tenant)).toMatchObject({ limits: { weight: 3 }, paused: { why: 'a test' } });

    expect((await order('deleteTenant', tenant)).body).toMatchObject({ deleted: true, skipped: 0, removed: 1 });
    expect(await statusOf(`publisher:${tenant}`)).toBe('TERMINATED');
    // The sweep may have let it see its end first.
    expect(['TERMINATED', 'COMPLETED']).toContain(await statusOf(replay));
    // No row stays behind: the relays' ledger goes on whatever tenants there are.
    expect(await publisherRow(tenant)).toBeUndefined();

    expect((await ask('createTenant', { body: { name: tenant } })).status).toBe(201);
    await enqueue(tenant);
    await until('it is published', () => isPublished(tenant));
    expect(await publisherRow(tenant)).toMatchObject({ limits: {}, paused: null, breaker: null });
    const stateOf = (): Promise<PublisherState> => client.workflow.getHandle(`publisher:${tenant}`).query('state');
    // A drain counts when it ends.
    await until('its new workflow counts it', async () => (await stateOf()).counters.published === 1);
    expect(await stateOf()).toMatchObject({
      overrides: {},
      paused: null,
      config: { weight: 1, onPoison: 'hold-key', quota: { ratePerSecond: null } },
    });
    expect((await ask('getCircuit', { params: { tenant } })).body).toMatchObject({ failure_threshold: 3 });
  });

  it('says that it must be repeated while Temporal does not answer, and the repetition ends it', async () => {
    const tenant = tenants[1] ?? '';
    await enqueue(tenant);
    await until('it is published', () => isPublished(tenant));
    await order('pauseTenant', tenant);
    const replay = await pausedReplay(tenant);
    rig.temporal.pause('temporal_black_hole');
    try {
      const refused = await order('deleteTenant', tenant);
      expect(refused).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      expect(refused.body['detail']).toMatch(/may still run .*delete the tenant again\.$/);
      const { body } = await ask('listTenants');
      expect(body['tenants']).toContainEqual(expect.objectContaining({ tenant, status: 'suspended' }));
    } finally {
      rig.temporal.resume();
    }
    await until('Temporal answers again', async () => (await order('deleteTenant', tenant)).status === 200);
    expect(await statusOf(`publisher:${tenant}`)).toBe('TERMINATED');
    expect(['TERMINATED', 'COMPLETED']).toContain(await statusOf(replay));
    expect(await publisherRow(tenant)).toBeUndefined();
    const entries = await all(api, 'listAudit', 'entries', {
      key: ADMIN_KEY,
      query: { tenant, action: 'tenant.delete' },
    });
    expect(entries.map((entry) => entry['after']).reverse()).toMatchObject([
      { deleted: false, reason: 'workflows_run' },
      { deleted: true, removed: 0 },
    ]);
    expectProblem(await order('deleteTenant', tenant), 404, 'not_found');
  });
});
