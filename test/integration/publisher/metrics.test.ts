import { Client, Connection } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { Service } from '../../../faults/harness/service-process';
import { withSession } from '../../../faults/acts/sessions';
import { createTopics, sharedServers, until } from '../../support/fault-run';

const LIMIT = 20_000;

/** What a worker counts, read as Prometheus reads it, against what was done to its tenants. */
describe('metrics of a worker', () => {
  let rig: Rig;
  let worker: Service;
  let connection: Connection;
  let client: Client;
  let tenant: string;
  let topic: string;

  beforeAll(async () => {
    rig = await Rig.start({ name: 'counted', servers: sharedServers() });
    [tenant = ''] = await rig.tenants(1);
    topic = `${tenant}-topic`;
    await createTopics(rig.direct.kafkaBrokers, [topic], { [topic]: LIMIT });
    connection = await Connection.connect({ address: rig.direct.temporalAddress });
    client = new Client({ connection });
    worker = await rig.worker({ env: { OUTBOX_LINGER: '50ms', OUTBOX_TOPIC_CREATE: 'false' } });
  });
  afterAll(async () => {
    await connection.close();
    await rig.close();
  });

  const enqueue = (count: number, size = 10, to = topic): Promise<string[]> =>
    withSession(rig.direct.databaseUrl, async (session) => {
      const { rows } = await session.query<{ id: string }>(
        `select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => convert_to(repeat('x', $3), 'UTF8'),
                               content_type => 'text/plain')::text as id
         from generate_series(1, $4)`,
        [tenant, to, size, count],
      );
      return rows.map(({ id }) => id);
    });
  const metric = async (line: string): Promise<number> => {
    const text = await (await fetch(`${worker.adminUrl}/metrics`)).text();
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return Number(found?.split(' ').at(-1) ?? 0);
  };
  const reaches = (line: string, value: number): Promise<void> =>
    until(`${line} to be ${value}`, async () => (await metric(line)) >= value);
  const update = (name: string, command: object): Promise<unknown> =>
    client.workflow
      .getHandle(`publisher:${tenant}`)
      .executeUpdate(name, { args: [{ by: 'me', why: 'test', ...command }] });
  const mine = (name: string, more = ''): string => `${name}{tenant_id="${tenant}"${more}}`;

  it('count what was published, parked and replayed, and by which transactions', async () => {
    const published = await enqueue(3);
    await enqueue(1, LIMIT * 2);
    await reaches(mine('outbox_events_parked_total', ',code="EVENT_TOO_LARGE"'), 1);
    await reaches(mine('outbox_events_published_total'), 3);
    await update('replay', { replayId: 'again', eventIds: published.slice(0, 2) });
    await reaches(mine('outbox_events_replayed_total'), 2);
    // Copies are counted beside the events, not among them.
    expect(await metric(mine('outbox_events_published_total'))).toBe(3);
    expect(await metric('outbox_kafka_tx_total{outcome="committed"}')).toBeGreaterThanOrEqual(2);
    await reaches('outbox_drains_total{end="empty"}', 1);
    expect(await metric('outbox_publish_latency_seconds_count')).toBeGreaterThan(0);
    expect(await metric('outbox_relays{state="running"}')).toBeGreaterThan(0);
    expect(await metric('outbox_relay_take_overs_total{reason="lease"}')).toBeGreaterThan(0);
  });

  it('count what a quota let through and how often it made the publisher wait', async () => {
    await update('configure', { quota: { ratePerSecond: 2, burst: 2 } });
    await enqueue(5);
    await reaches(mine('outbox_quota_spent_events_total'), 5);
    expect(await metric(mine('outbox_quota_denied_total'))).toBeGreaterThan(0);
    await update('configure', { quota: { ratePerSecond: null } });
  });

  it('count drains that failed, by tenant and cause', async () => {
    await enqueue(1, 10, `${tenant}-missing`);
    await reaches(mine('outbox_drain_failures_total', ',code="KAFKA_TOPIC_MISSING"'), 1);
  });
});
