import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import type { ReplayStatus } from '../../../src/domain/replay';
import { replayWorkflowId } from '../../../src/domain/replay';
import type { ReplayView } from '../../../src/domain/replay-workflow';
import { createPool } from '../../../src/postgres/pool';
import { createTopics, sharedServers } from '../../support/fault-run';

/** Replays by the publisher's commands and by workflows of their own, with a worker process as in production. */
describe('replay workflow', () => {
  let rig: Rig;
  let connection: Connection;
  let client: Client;
  let topic: string;
  let made = 0;

  beforeAll(async () => {
    rig = await Rig.start({ name: 'replays', servers: sharedServers() });
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    topic = `${rig.options.name}-orders`;
    await createTopics(sharedServers().kafkaBrokers, [topic]);
    await rig.worker({ env: { OUTBOX_MAX_HISTORY_EVENTS: '60' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const publisher = (tenant: string): WorkflowHandle => client.workflow.getHandle(`publisher:${tenant}`);
  const replay = (tenant: string, id: string): WorkflowHandle =>
    client.workflow.getHandle(replayWorkflowId(tenant, id));
  const statusOf = async (tenant: string, id: string): Promise<ReplayStatus | null> =>
    (await replay(tenant, id).query<ReplayView>('state')).status;
  const BY = { by: 'test', why: 'a test' };

  async function until<T>(look: () => Promise<T>, good: (value: T) => boolean, ms = 30_000): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = await look().catch(() => undefined);
      if (value !== undefined && good(value)) return value;
      if (Date.now() > deadline)
        throw new Error(`not within ${ms} ms; last: ${JSON.stringify(value)}\n${await rig.describe()}`);
      await delay(50);
    }
  }
  const enqueue = (tenant: string, events: number): Promise<unknown> =>
    rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb) from generate_series(1, $3)`,
      [tenant, topic, events],
    );
  /** A tenant with this many published events. */
  async function tenantWith(events: number): Promise<string> {
    made += 1;
    const tenant = (await rig.tenants(made))[made - 1] ?? '';
    await enqueue(tenant, events);
    await until(
      () => count(tenant, 'events'),
      (n) => n === events,
    );
    return tenant;
  }
  const count = async (tenant: string, table: 'events' | 'replay_events'): Promise<number> => {
    const rows = await rig.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.${table} where tenant_id = $1 and status = 'published'`,
      [tenant],
    );
    return rows[0]?.n ?? 0;
  };

  it('replays by signal and by update, once for each id, also after termination and reset', async () => {
    const tenant = await tenantWith(40);
    const command = { replayId: 'by-filter', filter: { status: 'published' as const, topic }, ...BY };
    await publisher(tenant).signal('replay', command);
    await until(
      () => statusOf(tenant, 'by-filter'),
      (s) => s?.state === 'done',
    );
    expect(await replay(tenant, 'by-filter').result()).toMatchObject({ total: 40, published: 40, state: 'done' });

    const state = await publisher(tenant).executeUpdate<PublisherState, [object]>('replay', { args: [command] });
    expect(state.replayRequests).toHaveLength(1);
    const ids = (
      await rig.installation.query<{ id: string }>(
        'select event_id::text as id from outbox.events where tenant_id = $1 limit 3',
        [tenant],
      )
    ).map(({ id }) => id);
    await publisher(tenant).executeUpdate('replay', { args: [{ replayId: 'ids', eventIds: ids, ...BY }] });
    await until(
      () => statusOf(tenant, 'ids'),
      (s) => s?.state === 'done',
    );
    expect(await count(tenant, 'replay_events')).toBe(43);

    // From its very beginning again.
    const { runId } = await replay(tenant, 'by-filter').describe();
    const { events } = await replay(tenant, 'by-filter').fetchHistory();
    const firstTask = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
    await client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: replayWorkflowId(tenant, 'by-filter'), runId },
      reason: 'a test',
      workflowTaskFinishEventId: firstTask?.eventId ?? null,
      requestId: `reset-${tenant}`,
    });
    expect(await replay(tenant, 'by-filter').result()).toMatchObject({ published: 40, state: 'done' });
    expect(await count(tenant, 'replay_events')).toBe(43);
  });

  it('refuses bad commands, and counts them as a signal', async () => {
    const tenant = await tenantWith(1);
    await expect(
      publisher(tenant).executeUpdate('replay', { args: [{ replayId: 'x', filter: {}, ...BY }] }),
    ).rejects.toMatchObject({ name: 'WorkflowUpdateFailedError' });
    await publisher(tenant).signal('replay', { replayId: 'x' });
    await publisher(tenant).signal('replay', 'nonsense');
    await publisher(tenant).signal('replay', { replayId: 'odd', filter: { topic: '\ud800' }, ...BY });
    await until(
      () => publisher(tenant).query<PublisherState>('state'),
      (s) => s.counters.refusedCommands === 3,
    );
    // What only Postgres can refuse must not wedge the publisher.
    await rig.installation.query(`alter table outbox.replays add constraint refuses check (replay_id <> 'odd')`);
    await publisher(tenant).signal('replay', { replayId: 'odd', filter: { status: 'published' }, ...BY });
    await publisher(tenant).signal('replay', { replayId: 'good', filter: { status: 'published' }, ...BY });
    await until(
      () => statusOf(tenant, 'good'),
      (s) => s?.state === 'done',
    );
    const { refusedReplays } = await publisher(tenant).query<PublisherState>('state');
    expect(refusedReplays).toEqual([
      expect.objectContaining({ replayId: 'odd', why: expect.stringContaining('23514') }),
    ]);
  });

  it('drains on while a replay cannot be counted, and gives it up with the reason', async () => {
    const tenant = await tenantWith(1);
    const locker = createPool(rig.direct.databaseUrl, { max: 1 });
    try {
      // No count of a replay ends while the plans are locked; drains do not look at them.
      await locker.query('begin; lock table outbox.replay_plans in access exclusive mode');
      await publisher(tenant).signal('replay', { replayId: 'vast', filter: { status: 'published' }, ...BY });
      await until(
        () => publisher(tenant).query<PublisherState>('state'),
        (s) => s.replayRequests?.length === 1,
      );
      await enqueue(tenant, 5);
      await until(
        () => count(tenant, 'events'),
        (n) => n === 6,
      );
      const refused = await until(
        () => publisher(tenant).query<PublisherState>('state'),
        (s) => s.refusedReplays !== undefined,
        60_000,
      );
      expect(refused).toMatchObject({
        replayRequests: [],
        refusedReplays: [{ replayId: 'vast', why: expect.stringContaining('Select fewer') }],
      });
    } finally {
      await locker.end();
    }
    await publisher(tenant).signal('replay', { replayId: 'next', filter: { status: 'published' }, ...BY });
    await until(
      () => statusOf(tenant, 'next'),
      (s) => s?.state === 'done',
    );
  });

  it('pauses, resumes, survives termination, and cancels within what is under way', async () => {
    const tenant = await tenantWith(400);
    await publisher(tenant).signal('replay', {
      replayId: 'slow',
      filter: { after: '2000-01-01' },
      ratePerSecond: 20,
      ...BY,
    });
    await until(
      () => statusOf(tenant, 'slow'),
      (s) => (s?.published ?? 0) > 0,
    );
    await replay(tenant, 'slow').executeUpdate('pause', { args: [BY] });
    const paused = await until(
      () => statusOf(tenant, 'slow'),
      (s) => s?.state === 'paused' && s.pending === 0,
    );
    await delay(1_500);
    expect(await count(tenant, 'replay_events')).toBe(paused?.published);

    await replay(tenant, 'slow').signal('resume', BY);
    await until(
      () => statusOf(tenant, 'slow'),
      (s) => (s?.published ?? 0) > (paused?.published ?? 0),
    );
    await replay(tenant, 'slow').terminate('an operator terminates it');
    // As if its workflow had not come for a minute.
    await rig.installation.query(`update outbox.replays set visit_at = now() where tenant_id = $1`, [tenant]);
    const back = await until(
      () => statusOf(tenant, 'slow'),
      (s) => (s?.published ?? 0) > 60,
    );
    expect(back).toMatchObject({ state: 'running', total: 400 });

    await replay(tenant, 'slow').signal('cancel', BY);
    const result = (await replay(tenant, 'slow').result()) as ReplayStatus;
    expect(result).toMatchObject({ state: 'cancelled', pending: 0, remaining: 0 });
    expect(result.published).toBeLessThan(400);
    await delay(1_000);
    expect(await count(tenant, 'replay_events')).toBe(result.published);
    await replay(tenant, 'slow').describe();
  });
});
