import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { sharedServers } from '../../support/fault-run';
import { createLedTopics } from '../../../src/kafka/create-topics';

/** The publisher workflow on a real Temporal server, with a worker process as in production. */
describe('publisher workflow', () => {
  let rig: Rig;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    rig = await Rig.start({ name: 'publisher', servers: sharedServers() });
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    await rig.worker({
      env: {
        OUTBOX_MAX_HISTORY_EVENTS: '60',
        OUTBOX_BREAKER_THRESHOLD: '2',
        OUTBOX_TOPIC_CREATE: 'false',
        OUTBOX_LINGER: '50ms',
      },
    });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const handleOf = (tenant: string): WorkflowHandle => client.workflow.getHandle(`publisher:${tenant}`);
  const stateOf = (tenant: string): Promise<PublisherState> => handleOf(tenant).query<PublisherState>('state');

  async function topic(name: string): Promise<string> {
    const admin = new Kafka({ brokers: rig.direct.kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic: name, numPartitions: 2 }]);
    await admin.disconnect();
    return name;
  }

  const enqueue = (tenant: string, to: string): Promise<unknown> =>
    rig.installation.query(`select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb)`, [
      tenant,
      to,
    ]);

  async function until<T>(look: () => Promise<T>, good: (value: T) => boolean, ms = 20_000): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = await look().catch(() => undefined);
      if (value !== undefined && good(value)) return value;
      if (Date.now() > deadline) throw new Error(`not within ${ms} ms; last seen: ${JSON.stringify(value)}`);
      await delay(50);
    }
  }
  const published = async (tenant: string): Promise<number> => {
    const rows = await rig.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`,
      [tenant],
    );
    return rows[0]?.n ?? 0;
  };

  it('wakes for a committed SQL transaction, publishes, sleeps again, and tells its state', async () => {
    const [tenant = ''] = await rig.tenants(1);
    const to = await topic(`${tenant}-wake`);
    await enqueue(tenant, to);
    await until(
      () => published(tenant),
      (n) => n === 1,
    );
    const state = await until(
      () => stateOf(tenant),
      (s) => !s.drain.woken && s.counters.published === 1,
    );
    expect(state).toMatchObject({
      tenant,
      breaker: { state: 'closed', failures: 0, openedAt: null, nextProbeAt: null },
      paused: null,
      halted: null,
      counters: { published: 1, failures: 0 },
    });
    const rows = await rig.installation.query<{ state: string }>(
      'select state from outbox.publishers where tenant_id = $1',
      [tenant],
    );
    expect(rows[0]?.state).toBe('sleeping');
  });

  it('pauses, keeps the pause over termination, and resumes', async () => {
    const tenant = (await rig.tenants(2))[1] ?? '';
    const to = await topic(`${tenant}-pause`);
    await enqueue(tenant, to);
    await until(
      () => published(tenant),
      (n) => n === 1,
    );
    await handleOf(tenant).executeUpdate('pause', { args: [{ by: 'test', why: 'maintenance' }] });
    await until(
      () =>
        rig.installation.query<{ state: string }>('select state from outbox.publishers where tenant_id = $1', [tenant]),
      (rows) => rows[0]?.state === 'paused',
    );
    await enqueue(tenant, to);
    await handleOf(tenant).terminate('an operator terminates it');
    await client.workflow.signalWithStart('publisher', {
      workflowId: `publisher:${tenant}`,
      taskQueue: `queue-${rig.options.name}`,
      args: [{ publisher: { tenant, destination: 'kafka', shard: 0 } }],
      signal: 'wake',
      signalArgs: [{}],
    });
    const back = await until(
      () => stateOf(tenant),
      (s) => s.paused !== null,
    );
    expect(back.paused).toMatchObject({ by: 'test', why: 'maintenance' });
    await delay(500);
    expect(await published(tenant)).toBe(1);
    await handleOf(tenant).signal('resume', { by: 'test' });
    await until(
      () => published(tenant),
      (n) => n === 2,
    );
    // A resumed publisher that is lost afterwards must not come back paused.
    await until(
      () => stateOf(tenant),
      (s) => !s.drain.woken,
    );
    await handleOf(tenant).terminate('and again');
    await enqueue(tenant, to);
    await until(
      () => published(tenant),
      (n) => n === 3,
    );
  });

  it('refuses bad updates, and counts and drops signals without sense', async () => {
    const tenant = (await rig.tenants(3))[2] ?? '';
    await enqueue(tenant, await topic(`${tenant}-bad`));
    await until(
      () => published(tenant),
      (n) => n === 1,
    );
    const handle = handleOf(tenant);
    await expect(handle.executeUpdate('pause', { args: [{ by: 'x' }] })).rejects.toMatchObject({
      name: 'WorkflowUpdateFailedError',
    });
    await expect(handle.executeUpdate('configure', { args: [{ by: 'x', quota: { burst: 0 } }] })).rejects.toMatchObject(
      {
        name: 'WorkflowUpdateFailedError',
      },
    );
    await expect(handle.executeUpdate('openBreaker', { args: [{ by: 'x', why: 'a\ud83d' }] })).rejects.toMatchObject({
      name: 'WorkflowUpdateFailedError',
    });
    await handle.signal('pause', 'nonsense');
    await handle.signal('pause', { by: 'x', why: 'nanoseconds by mistake', until: 1.7e18 });
    await handle.signal('never heard of it', 1, 2, 3);
    // Once in the state, what Postgres does not store would keep the row from being written, and the publisher from draining.
    await handle.signal('pause', { by: 'x', why: 'a\0' });
    await handle.signal('openBreaker', { by: '\ud83d', why: 'x' });
    await until(
      () => stateOf(tenant),
      (s) => s.counters.refusedCommands === 5,
    );
    expect(await stateOf(tenant)).toMatchObject({ paused: null, breaker: { state: 'closed' } });
    const configured = await handle.executeUpdate<PublisherState, [object]>('configure', {
      args: [{ by: 'x', quota: { ratePerSecond: 50, burst: 10 } }],
    });
    expect(configured.quota).toMatchObject({ ratePerSecond: 50, burst: 10 });
  });

  it('continues as new under a stream of wakes, losing neither state nor wakes', async () => {
    const tenant = (await rig.tenants(4))[3] ?? '';
    const to = await topic(`${tenant}-many`);
    await enqueue(tenant, to);
    await until(
      () => published(tenant),
      (n) => n === 1,
    );
    const firstRun = (await handleOf(tenant).describe()).runId;
    for (let i = 0; i < 60; i += 1) {
      await enqueue(tenant, to);
      await handleOf(tenant).signal('wake', {});
      if (i % 10 === 0) await delay(100);
    }
    await until(
      () => published(tenant),
      (n) => n === 61,
    );
    const state = await until(
      () => stateOf(tenant),
      (s) => s.counters.published === 61,
    );
    expect(state.counters.wakes).toBeGreaterThanOrEqual(60);
    expect((await handleOf(tenant).describe()).runId).not.toBe(firstRun);
  });

  it('a terminated publisher is woken by the sweep', async () => {
    const tenant = (await rig.tenants(5))[4] ?? '';
    const to = await topic(`${tenant}-gone`);
    await enqueue(tenant, to);
    await until(
      () => published(tenant),
      (n) => n === 1,
    );
    await until(
      () => stateOf(tenant),
      (s) => !s.drain.woken,
    );
    await handleOf(tenant).terminate();
    // A writer that says nothing, as one whose notification was lost.
    await rig.installation.query(
      `with quiet as materialized (select set_config('outbox.wake', 'off', true))
       select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb) from quiet`,
      [tenant, to],
    );
    await until(
      () => published(tenant),
      (n) => n === 2,
    );
  });

  it('opens its breaker while its only topic is missing, and closes by itself when it is there', async () => {
    const tenant = (await rig.tenants(6))[5] ?? '';
    const to = `${tenant}-later`;
    await enqueue(tenant, to);
    const open = await until(
      () => stateOf(tenant),
      (s) => s.breaker.state !== 'closed',
    );
    expect(open.breaker.reason).toContain('KAFKA_TOPIC_MISSING');
    expect(await published(tenant)).toBe(0);
    await topic(to);
    await until(
      () => published(tenant),
      (n) => n === 1,
      40_000,
    );
    await until(
      () => stateOf(tenant),
      (s) => s.breaker.state === 'closed',
    );
  });
});
