import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Kafka, logLevel } from 'kafkajs';
import { Rig } from '../../../faults/harness/rig';
import type { Service } from '../../../faults/harness/service-process';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { SEARCH_ATTRIBUTE_NAMES } from '../../../src/domain/search-attributes';
import { retentionScheduleId } from '../../../src/temporal/retention-schedule';
import { findSearchAttributes } from '../../../src/temporal/search-attributes';
import { sharedServers } from '../../support/fault-run';
import { startOwnStack } from '../../support/stack';
import type { OwnStack } from '../../support/stack';
import { createLedTopics } from '../../../src/kafka/create-topics';

/** What an operator sees: the Web UI's filters and pages, the metrics, and retention. On a Temporal server of its own. */
describe('observing publishers', () => {
  let stack: OwnStack;
  let rig: Rig;
  let connection: Connection;
  let client: Client;
  let worker: Service;
  const ENV = {
    OUTBOX_BREAKER_THRESHOLD: '1',
    OUTBOX_BREAKER_RESET: '2s',
    OUTBOX_TOPIC_CREATE: 'false',
    OUTBOX_LINGER: '50ms',
    OUTBOX_METRICS_INTERVAL: '500ms',
  };

  beforeAll(async () => {
    stack = await startOwnStack({ only: ['temporal'] });
    rig = await Rig.start({ name: 'observe', servers: { ...sharedServers(), temporalAddress: stack.temporalAddress } });
    connection = await Connection.connect({ address: stack.temporalAddress });
    client = new Client({ connection });
    worker = await rig.worker({ env: ENV });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
    await stack.stop();
  });

  const enqueue = (tenant: string, topic: string, on = rig): Promise<unknown> =>
    on.installation.query(`select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb)`, [
      tenant,
      topic,
    ]);
  const published = async (tenant: string, on = rig): Promise<number> => {
    const [row] = await on.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`,
      [tenant],
    );
    return row?.n ?? 0;
  };
  async function createTopic(topic: string): Promise<void> {
    const admin = new Kafka({ brokers: rig.direct.kafkaBrokers.split(','), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await createLedTopics(admin, [{ topic, numPartitions: 2 }]);
    await admin.disconnect();
  }
  async function until<T>(look: () => Promise<T>, good: (value: T) => boolean, ms = 30_000): Promise<T> {
    const deadline = Date.now() + ms;
    for (;;) {
      const value = await look().catch(() => undefined);
      if (value !== undefined && good(value)) return value;
      if (Date.now() > deadline) {
        throw new Error(`not within ${ms} ms; last seen: ${JSON.stringify(value)}\n${await rig.describe()}`);
      }
      await delay(100);
    }
  }
  /** The tenants that the Web UI lists for this filter, of those given. */
  const listed = async (query: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const one of client.workflow.list({ query: `${query} and ExecutionStatus = "Running"` })) {
      found.push(one.workflowId.replace('publisher:', ''));
    }
    return found;
  };
  const metric = async (line: string): Promise<number | undefined> => {
    const text = await (await fetch(`${worker.adminUrl}/metrics`)).text();
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.split(' ').at(-1));
  };

  it('filters and metrics follow the breaker, a pause and the end of both', async () => {
    const [tenant = '', other = ''] = await rig.tenants(2);
    const topic = `${tenant}-later`;
    await createTopic(`${other}-there`);
    await enqueue(other, `${other}-there`);
    await enqueue(tenant, topic);
    await until(
      () => listed('BreakerState = "open"'),
      (tenants) => tenants.includes(tenant) && !tenants.includes(other),
    );
    await until(
      () => metric(`memory_circuit_state{tenant_id="${tenant}"}`),
      (value) => Number(value) > 0,
    );
    expect(await metric(`memory_outbox_pending{tenant_id="${tenant}"}`)).toBe(1);
    await until(
      () => metric('outbox_breaker_transitions_total{to="open"}'),
      (value) => Number(value) > 0,
    );
    await until(
      () => listed(`Tenant = "${tenant}" and Destination = "kafka" and BacklogClass = "waiting"`),
      (tenants) => tenants.join() === tenant,
    );

    await client.workflow.getHandle(`publisher:${other}`).executeUpdate('pause', { args: [{ by: 'me', why: 'test' }] });
    await until(
      () => listed('Paused = true'),
      (tenants) => tenants.join() === other,
    );
    await client.workflow.getHandle(`publisher:${other}`).signal('resume', { by: 'me' });
    await until(
      () => listed('Paused = true'),
      (tenants) => tenants.length === 0,
    );

    await createTopic(topic);
    await until(
      () => published(tenant),
      (events) => events === 1,
    );
    await until(
      () => metric(`memory_circuit_state{tenant_id="${tenant}"}`),
      (value) => value === 0,
    );
    await until(
      () => metric(`memory_outbox_pending{tenant_id="${tenant}"}`),
      (value) => value === 0,
    );
    await until(
      () => listed(`Tenant = "${tenant}" and BreakerState = "closed" and BacklogClass = "none"`),
      (tenants) => tenants.join() === tenant,
    );
    expect(await metric(`outbox_events_published_total{tenant_id="${tenant}"}`)).toBe(1);
    expect(await metric('outbox_breaker_transitions_total{to="closed"}')).toBeGreaterThan(0);
  });

  it('twenty wakes of an idle publisher cost no search attribute events', async () => {
    const [, , tenant = ''] = await rig.tenants(3);
    await createTopic(`${tenant}-many`);
    for (let i = 1; i <= 20; i += 1) {
      await enqueue(tenant, `${tenant}-many`);
      await until(
        () => published(tenant),
        (events) => events === i,
      );
    }
    const { events } = await client.workflow.getHandle(`publisher:${tenant}`).fetchHistory();
    const upserts = (events ?? []).filter((event) => event.upsertWorkflowSearchAttributesEventAttributes != null);
    expect(upserts).toHaveLength(1);
  });

  it('retention runs by its schedule and keeps the account balanced', async () => {
    const tenant = (await rig.tenants(4))[3] ?? '';
    await createTopic(`${tenant}-old`);
    for (let i = 0; i < 3; i += 1) await enqueue(tenant, `${tenant}-old`);
    await until(
      () => published(tenant),
      (events) => events === 3,
    );
    await rig.installation.query(
      `update outbox.events set created_at = created_at - interval '8 days', published_at = published_at - interval '8 days'
       where tenant_id = $1`,
      [tenant],
    );
    const [row] = await rig.installation.query<{ id: string }>('select install_id as id from outbox.installation');
    const schedule = client.schedule.getHandle(retentionScheduleId(row?.id ?? ''));
    await schedule.trigger();
    await until(
      () => published(tenant),
      (events) => events === 0,
    );
    const [purged] = await rig.installation.query<{ n: string }>(
      'select published as n from outbox.purged where tenant_id = $1',
      [tenant],
    );
    expect(purged?.n).toBe('3');
    // Counted when the step has answered, which is after its transaction.
    await until(
      () => metric('outbox_events_purged_total{status="published"}'),
      (n) => n === 3,
    );
    const { info, policies } = await until(
      () => schedule.describe(),
      (one) => one.info.recentActions.length > 0 && one.info.runningActions.length === 0,
    );
    expect(policies.overlap).toBe('SKIP');
    const run = info.recentActions[0]?.action.workflow;
    expect(await client.workflow.getHandle(run?.workflowId ?? '').result()).toMatchObject({ published: 3, skipped: 0 });
    // It goes on publishing behind the hole.
    await enqueue(tenant, `${tenant}-old`);
    await until(
      () => published(tenant),
      (events) => events === 1,
    );
  });

  it('publishes in a namespace without search attributes', async () => {
    await connection.workflowService.registerNamespace({
      namespace: 'bare',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const bare = await Rig.start({
      name: 'bare',
      servers: { ...sharedServers(), temporalAddress: stack.temporalAddress },
    });
    try {
      const target = { address: stack.temporalAddress, namespace: 'bare' };
      const { usable, problems } = await until(
        () => findSearchAttributes(target),
        (report) => report.problems.every((problem) => problem.includes('not registered')),
      );
      expect(usable).toEqual([]);
      expect(problems).toHaveLength(SEARCH_ATTRIBUTE_NAMES.length);
      const [tenant = ''] = await bare.tenants(1);
      await createTopic(`${tenant}-t`);
      await bare.worker({ env: { ...ENV, TEMPORAL_NAMESPACE: 'bare' } });
      await enqueue(tenant, `${tenant}-t`, bare);
      await until(
        () => published(tenant, bare),
        (events) => events === 1,
      );
      const inBare = new Client({ connection, namespace: 'bare' });
      await until(
        () => inBare.workflow.getHandle(`publisher:${tenant}`).query<PublisherState>('state'),
        (state) => state.counters.published === 1,
      );
    } finally {
      await bare.close();
    }
  });
});
