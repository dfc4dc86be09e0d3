import { Client, Connection, WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { createTopics, sharedServers, until } from '../../support/fault-run';

/** Commands about a tenant and its events by plain signals and updates, on a real Temporal server. */
describe('commands about a tenant', () => {
  let rig: Rig;
  let connection: Connection;
  let client: Client;
  let tenants: string[];

  beforeAll(async () => {
    rig = await Rig.start({ name: 'orders', servers: sharedServers() });
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    tenants = await rig.tenants(4);
    await createTopics(
      rig.direct.kafkaBrokers,
      tenants.map((tenant) => `${tenant}-topic`),
    );
    await rig.worker({ env: { OUTBOX_LINGER: '50ms' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const handleOf = (tenant: string): WorkflowHandle => client.workflow.getHandle(`publisher:${tenant}`);
  const stateOf = (tenant: string): Promise<PublisherState> => handleOf(tenant).query<PublisherState>('state');
  const update = <T>(tenant: string, name: string, command: unknown): Promise<T> =>
    handleOf(tenant).executeUpdate<T, [unknown]>(name, { args: [command] });
  const refusal = async (tenant: string, name: string, command: unknown): Promise<string> => {
    const error: unknown = await update(tenant, name, command).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
    return String((error as WorkflowUpdateFailedError).cause?.message);
  };
  const start = async (tenant: string): Promise<void> => {
    await client.workflow.signalWithStart('publisher', {
      workflowId: `publisher:${tenant}`,
      taskQueue: `queue-${rig.options.name}`,
      args: [{ publisher: { tenant, destination: 'kafka', shard: 0 } }],
      signal: 'wake',
      signalArgs: [{}],
    });
  };
  /** Parked events of one key each, and one that waits behind the first; their ids. */
  const park = async (tenant: string, ...keys: string[]): Promise<string[]> => {
    const rows = await rig.installation.query<{ id: string }>(
      `insert into outbox.events (tenant_id, topic, event_type, ordering_key, dedupe_key, payload, status, error_code, error_reason, failed_at)
       select $1, $1 || '-topic', 't', key, gen_random_uuid()::text, '', 'failed', 'EVENT_TOO_LARGE', 'It is too large.', now()
       from unnest($2::text[]) with ordinality as k (key, n) order by n returning event_id::text as id`,
      [tenant, keys],
    );
    return rows.map(({ id }) => id);
  };
  const statuses = async (tenant: string): Promise<Record<string, string>> => {
    const rows = await rig.installation.query<{ id: string; status: string }>(
      'select event_id::text as id, status from outbox.events where tenant_id = $1',
      [tenant],
    );
    return Object.fromEntries(rows.map(({ id, status }) => [id, status]));
  };
  const entries = (tenant: string): Promise<Record<string, unknown>[]> =>
    rig.installation.query(
      'select actor, action, subject, why, before, after from outbox.audit where tenant_id = $1 order by audit_id',
      [tenant],
    );
  const tenantStatus = async (tenant: string): Promise<string | undefined> => {
    const [row] = await rig.installation.query<{ status: string }>(
      'select status from outbox.tenants where tenant_id = $1',
      [tenant],
    );
    return row?.status;
  };
  const said = { by: 'ops', why: 'a test' };

  it('retry, skip and release do what the admin API does, answer it, and are in the audit once each', async () => {
    const [tenant = ''] = tenants;
    await start(tenant);
    const [a = '', b = '', c = '', d = '', e = ''] = await park(tenant, 'a', 'b', 'c', 'd', 'd');
    const retried = await update(tenant, 'retryEvents', { eventIds: [a, Number(a), '999999'], ...said });
    expect(retried).toEqual({ changed: [a], refused: [{ eventId: '999999', code: 'not_found' }] });
    await until('the retried event is published', async () => (await statuses(tenant))[a] === 'published');
    const skipped = await update(tenant, 'skipEvents', { eventIds: [Number(b), a], ...said });
    expect(skipped).toEqual({ changed: [b], refused: [{ eventId: a, code: 'already_published' }] });
    const released = await update(tenant, 'releaseKey', { key: 'c', action: 'retry', ...said });
    expect(released).toEqual({ changed: [c], refused: [], released: true });
    expect(await update(tenant, 'releaseKey', { key: 'd', action: 'skip', ...said })).toMatchObject({
      changed: [d, e],
    });
    await until('the released event is published', async () => (await statuses(tenant))[c] === 'published');
    expect(await statuses(tenant)).toMatchObject({ [b]: 'skipped', [d]: 'skipped', [e]: 'skipped' });

    const found = await entries(tenant);
    expect(found.map(({ action, subject }) => [action, subject])).toEqual([
      ['event.retry', null],
      ['event.skip', null],
      ['key.retry', 'c'],
      ['key.skip', 'd'],
    ]);
    const before = { events: [{ event_id: a, status: 'failed', error_code: 'EVENT_TOO_LARGE' }] };
    expect(found[0]).toMatchObject({ actor: 'temporal:ops', why: 'a test', before, after: { event_ids: [a] } });
    expect(await stateOf(tenant)).toMatchObject({
      lastCommand: { name: 'releaseKey', by: 'ops', outcome: '2 events changed' },
    });
  });

  it('signals do the same, in the order in which they came', async () => {
    const tenant = tenants[1] ?? '';
    await start(tenant);
    const [a = '', b = '', c = ''] = await park(tenant, 'a', 'b', 'c');
    const handle = handleOf(tenant);
    await handle.signal('retryEvents', { eventIds: [a], ...said });
    await handle.signal('skipEvents', { eventIds: [b], ...said });
    await handle.signal('releaseKey', { key: 'c', action: 'skip', ...said });
    for (let i = 0; i < 3; i += 1) {
      await handle.signal('suspendTenant', said);
      await handle.signal('reactivateTenant', said);
    }
    await handle.signal('suspendTenant', said);
    await until('all are carried out', async () => (await entries(tenant)).length === 10);
    expect((await entries(tenant)).slice(3).map(({ action }) => action)).toEqual([
      ...Array.from({ length: 3 }, () => ['tenant.suspend', 'tenant.reactivate']).flat(),
      'tenant.suspend',
    ]);
    expect(await tenantStatus(tenant)).toBe('suspended');
    await until('the retried event is published', async () => (await statuses(tenant))[a] === 'published');
    expect(await statuses(tenant)).toMatchObject({ [b]: 'skipped', [c]: 'skipped' });
    expect((await stateOf(tenant)).counters.refusedCommands).toBe(0);
  });

  it('suspending ends the intake until it is allowed again, also by the other name', async () => {
    const tenant = tenants[2] ?? '';
    await start(tenant);
    const enqueue = (): Promise<unknown> =>
      rig.installation.query(
        `select outbox.enqueue(tenant => $1, topic => $1 || '-topic', type => 't', payload => '{}'::jsonb)`,
        [tenant],
      );
    expect(await update(tenant, 'suspendTenant', said)).toEqual({ before: 'active', status: 'suspended' });
    await expect(enqueue()).rejects.toMatchObject({ code: 'OB003' });
    expect(await update(tenant, 'resumeTenant', said)).toEqual({ before: 'suspended', status: 'active' });
    await enqueue();
    expect(await update(tenant, 'reactivateTenant', said)).toEqual({ before: 'active', status: 'active' });
    expect(await entries(tenant)).toMatchObject([
      { actor: 'temporal:ops', action: 'tenant.suspend', before: { status: 'active' }, after: { status: 'suspended' } },
      { action: 'tenant.reactivate', before: { status: 'suspended' }, after: { status: 'active' } },
      { action: 'tenant.reactivate', before: { status: 'active' } },
    ]);
  });

  it('an update that a reset applies again changes nothing, and answers what it did', async () => {
    const tenant = tenants[2] ?? '';
    const handle = handleOf(tenant);
    const command: { args: [unknown]; updateId: string } = { args: [said], updateId: 'once' };
    await handle.executeUpdate('suspendTenant', command);
    await update(tenant, 'reactivateTenant', said);
    const noted = (await entries(tenant)).length;
    const { runId } = await handle.describe();
    const { events } = await handle.fetchHistory();
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
    await connection.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: handle.workflowId, runId },
      reason: 'test',
      workflowTaskFinishEventId: first?.eventId ?? null,
      requestId: `reset-${runId}`,
    });
    await until('the updates are applied again', async () => {
      const { lastCommand } = await stateOf(tenant);
      return (await handle.describe()).runId !== runId && lastCommand?.name === 'reactivateTenant';
    });
    expect(await handle.executeUpdate('suspendTenant', command)).toEqual({ before: 'active', status: 'suspended' });
    expect(await tenantStatus(tenant)).toBe('active');
    expect(await entries(tenant)).toHaveLength(noted);
  });

  it('bad arguments are refused with what would be right, or counted, and the workflow lives on', async () => {
    const tenant = tenants[3] ?? '';
    await start(tenant);
    const [a = ''] = await park(tenant, 'a');
    const many = Array.from({ length: 1_001 }, (_, index) => String(index + 1));
    const bad: [string, unknown, string][] = [
      ['retryEvents', undefined, 'takes an object with eventIds, by, why'],
      ['retryEvents', { event_ids: [a], ...said }, 'event_ids is unknown: use eventIds, by, why'],
      ['retryEvents', { eventIds: [], ...said }, 'a list of 1 to 1000 ids'],
      ['retryEvents', { eventIds: many, ...said }, 'send more in several commands'],
      ['retryEvents', { eventIds: ['x'], ...said }, 'decimal strings'],
      ['retryEvents', { eventIds: [2 ** 60], ...said }, 'decimal strings'],
      ['skipEvents', { eventIds: [a], by: 'ops' }, 'why must be a text of 1 to 500 characters'],
      ['skipEvents', { eventIds: [a], by: 'ops', why: 'x'.repeat(501) }, 'why must be'],
      ['releaseKey', { key: '', action: 'retry', ...said }, 'key must be a text of 1 to 1024'],
      ['releaseKey', { key: 'a', action: 'drop', ...said }, 'action must be retry'],
      ['releaseKey', { key: 'a\0', action: 'skip', ...said }, 'without NULs'],
      ['suspendTenant', { why: 'x' }, 'by must be'],
      ['reactivateTenant', { ...said, force: true }, 'force is unknown: use by, why'],
    ];
    for (const [name, command, right] of bad) expect(await refusal(tenant, name, command)).toContain(right);
    expect((await stateOf(tenant)).counters.refusedCommands).toBe(0);
    for (const [name, command] of bad) await handleOf(tenant).signal(name, command);
    // What only Postgres can tell is refused, and counted, too.
    const nothing = { key: 'nobody has it', action: 'retry', ...said };
    expect(await refusal(tenant, 'releaseKey', nothing)).toContain('list its held keys');
    await handleOf(tenant).signal('releaseKey', nothing);
    await until('all are counted', async () => (await stateOf(tenant)).counters.refusedCommands === bad.length + 1);
    // Those two are noted as well, for they must not find anything when they are repeated.
    const noted = { action: 'key.retry', subject: nothing.key, after: { event_ids: [] } };
    expect(await entries(tenant)).toMatchObject([noted, noted]);
    expect(await statuses(tenant)).toEqual({ [a]: 'failed' });
    expect(await update(tenant, 'skipEvents', { eventIds: [a], ...said })).toMatchObject({ changed: [a] });
    expect(await entries(tenant)).toHaveLength(3);
  });

  it('a tenant that is gone is refused, by a publisher that still runs', async () => {
    const tenant = `${tenants[3]}-gone`;
    await start(tenant);
    expect(await refusal(tenant, 'suspendTenant', said)).toContain('Check its name');
    expect(await refusal(tenant, 'retryEvents', { eventIds: ['1'], ...said })).toContain('there is no tenant');
    expect((await stateOf(tenant)).lastCommand?.outcome).toContain('there is no tenant');
    await handleOf(tenant).terminate();
  });
});
