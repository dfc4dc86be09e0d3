import { ConfigResourceTypes } from 'kafkajs';
import { withAdmin } from '../../../faults/harness/topics';
import { until } from '../../../faults/harness/waiting';
import { FIRST_WAIT_MS, LONGEST_WAIT_MS } from '../../../src/domain/relay/admission';
import { suspendLonger, suspendTopic, suspendedTopics } from '../../../src/postgres/relay/admissions';
import { TopicAdmission } from '../../../src/relay/admission/topic-admission';
import { createTopic } from '../../support/kafka';
import { waiting } from '../../support/relay-audit';
import { createRelayRig } from '../../support/relay-rig';
import type { RelayRig } from '../../support/relay-rig';
import { testServers } from '../../support/stack';

describe('admission of topics', () => {
  const brokers = testServers().kafkaBrokers;
  let rig: RelayRig;
  beforeAll(async () => {
    rig = await createRelayRig('acme', 'other');
  });
  afterAll(() => rig.close());

  const found: string[] = [];
  const admission = (): TopicAdmission =>
    new TopicAdmission(rig.db.pool, rig.kafka, {
      admission: (topic, what) => void found.push(`${what} ${topic}`),
      note: (what, details) => void found.push(`${what} ${JSON.stringify(details)}`),
    });

  it('is given by a probe, and known to the next worker without one', async () => {
    const topics = [await createTopic(brokers, 6), await createTopic(brokers, 1)];
    const first = admission();
    first.use(7);
    await until('both to be admitted', async () => (await first.refused(topics)).length === 0);
    await first.tick();
    const next = admission();
    await next.tick();
    expect(topics.map((topic) => next.stateOf(topic))).toEqual(['admitted', 'admitted']);
    await Promise.all([first.stop(), next.stop()]);
    expect(found).toEqual([]);
  });

  it('is not given while too few replicas are in sync; its events wait, others flow, and go when there are enough', async () => {
    const topic = await createTopic(brokers, 2, { 'min.insync.replicas': '2' });
    const worker = rig.worker('w1', { lingerMs: 600_000, drainMaxMs: 600_000 });
    await until('a relay that runs', () => worker.states().some(({ state }) => state === 'running'));
    for (const tenant of ['acme', 'other']) void rig.drain(worker, tenant);
    await until('both attached', () => worker.states().some(({ publishers }) => publishers === 2));
    await rig.store('acme', 5, () => ({ topic }));
    for (const tenant of ['acme', 'other']) await rig.store(tenant, 5);
    await until('all but its events published', async () => (await waiting(rig)) === `acme/${topic}/5`);
    expect((await suspendedTopics(rig.db.pool, 5)).map((row) => [row.topic, row.suspended?.why])).toEqual([
      [topic, expect.stringContaining('has 1 replicas in sync, and takes nothing below 2')],
    ]);
    const configEntries = [{ name: 'min.insync.replicas', value: '1' }];
    await withAdmin(brokers.join(','), (admin) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }],
      }),
    );
    await until('its events published', async () => (await waiting(rig)) === '');
    expect(await suspendedTopics(rig.db.pool, 5)).toEqual([]);
  });

  it('is looked at again after 30 s, and after twice as long each time that a probe hangs, up to 15 minutes', async () => {
    const { pool } = rig.db;
    const waits = async (): Promise<unknown> => {
      const { rows } = await pool.query<{ wait: number; due: boolean }>(
        `select wait_ms as wait, look_at - clock_timestamp() between (wait_ms - 25000) * interval '1 ms' and wait_ms * interval '1 ms' as due
         from outbox.topic_admissions where topic = 'hangs'`,
      );
      return rows[0];
    };
    await suspendTopic(pool, 'hangs', 'test', true);
    let wait = FIRST_WAIT_MS;
    expect(await waits()).toEqual({ wait, due: true });
    // Another worker that finds the same changes nothing.
    await suspendTopic(pool, 'hangs', 'test', true);
    expect(await waits()).toEqual({ wait, due: true });
    for (let times = 0; times < 7; times += 1) {
      await suspendLonger(pool, ['hangs']);
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
      expect(await waits()).toEqual({ wait, due: true });
    }
    const admitted = async (ago: number): Promise<void> => {
      await pool.query(
        `update outbox.topic_admissions set suspended = null, changed_at = clock_timestamp() - $1 * interval '1 ms' where topic = 'hangs'`,
        [ago],
      );
      await suspendTopic(pool, 'hangs', 'test', true);
    };
    await admitted(LONGEST_WAIT_MS / 2);
    expect(await waits()).toEqual({ wait: LONGEST_WAIT_MS, due: true });
    await admitted(LONGEST_WAIT_MS + 1_000);
    expect(await waits()).toEqual({ wait: FIRST_WAIT_MS, due: true });
  });
});
