import { plainDraft } from '../../../faults/acts/poison';
import { withAdmin } from '../../../faults/harness/topics';
import { Rig } from '../../../faults/harness/rig';
import type { Service } from '../../../faults/harness/service-process';
import { audit } from '../../../src/audit/audit';
import type { Acknowledged } from '../../../src/audit/acknowledged';
import { startAclKafka } from '../../support/acl-kafka';
import type { AclKafka } from '../../support/acl-kafka';
import { createTopics, enqueueAll, expectClean, sharedServers, until } from '../../support/fault-run';

/** Of each topic. */
const EVENTS = 30;

// Breakers back off, and each wait for one may take a while on a busy machine.
jest.setTimeout(240_000);

/** Two tenants on one worker; what befalls all topics of the first opens its breaker, and the second notices nothing. */
describe('a tenant all of whose topics take nothing', () => {
  let kafka: AclKafka;
  let rig: Rig;
  let worker: Service;
  const accepted: Acknowledged[] = [];

  beforeAll(async () => {
    kafka = await startAclKafka();
    rig = await Rig.start({ name: 'deadtopics', servers: { ...sharedServers(), kafkaBrokers: kafka.brokers } });
    worker = await rig.worker({
      env: {
        ...kafka.workerEnv,
        OUTBOX_TOPIC_CREATE: 'false',
        OUTBOX_BREAKER_THRESHOLD: '2',
        OUTBOX_METRICS_INTERVAL: '500ms',
      },
    });
  });
  afterAll(async () => {
    await rig.close();
    await kafka.stop();
  });

  const topicsOf = (tenant: string): string[] => [`${tenant}-orders`, `${tenant}-invoices`];
  const enqueue = async (tenant: string): Promise<Acknowledged[]> => {
    const drafts = topicsOf(tenant).flatMap((topic) => Array.from({ length: EVENTS }, () => plainDraft(tenant, topic)));
    const events = await enqueueAll(rig, drafts);
    accepted.push(...events);
    return events;
  };
  const pending = async (tenant: string): Promise<number> => {
    const [row] = await rig.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'pending'`,
      [tenant],
    );
    return row?.n ?? -1;
  };
  /** A tenant that never had a backlog when it was counted has no series: its breaker is closed then too. */
  const metric = async (name: string, tenant: string): Promise<number> => {
    const text = await (await fetch(`${worker.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((one) => one.startsWith(`${name}{tenant_id="${tenant}"} `));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const circuit = (tenant: string): Promise<number> => metric('memory_circuit_state', tenant);
  const waiting = (tenant: string): Promise<number> => metric('memory_outbox_pending', tenant);

  /** While the first tenant's topics are dead and `heal` was not called: its breaker and backlog, and the other's freedom. */
  async function suffers(dead: string, other: string, heal: () => Promise<unknown>): Promise<void> {
    try {
      let others = 0;
      const bothBreakers = async (): Promise<number> => {
        others = Math.max(others, await circuit(other));
        return circuit(dead);
      };
      await until('the breaker to open', async () => (await bothBreakers()) > 0);
      for (let round = 0; round < 3; round += 1) {
        await enqueue(other);
        await until('the other to flow', async () => {
          expect([1, 2]).toContain(await bothBreakers());
          return (await pending(other)) === 0;
        });
      }
      expect(others).toBe(0);
      expect(await waiting(dead)).toBe(2 * EVENTS);
      expect(await pending(dead)).toBe(2 * EVENTS);
      await heal();
      await until('the breaker to close by itself', async () => (await bothBreakers()) === 0);
      await until('everything to be published', async () => (await pending(dead)) === 0);
      await until('both backlogs to be shown as 0', async () => (await waiting(dead)) + (await waiting(other)) === 0);
      await until('both breakers to be shown as closed', async () => (await bothBreakers()) === 0);
      expect(others).toBe(0);
    } catch (error) {
      throw new Error(`${String(error)}\n${await rig.describe()}`, { cause: error });
    }
  }

  it('for want of rights, from the start and again in the middle, goes on once they are granted', async () => {
    const [dead = '', other = ''] = await rig.tenants(2);
    await createTopics(kafka.brokers, [...topicsOf(dead), ...topicsOf(other)]);
    await kafka.write(other, 'allow');
    await enqueue(dead);
    await enqueue(other);
    await suffers(dead, other, () => kafka.write(dead, 'allow'));

    await kafka.write(dead, 'deny');
    await enqueue(dead);
    // Kafka still describes such topics, and refuses only the send.
    await suffers(dead, other, () => kafka.unwrite(dead, 'deny'));
    expectClean(await rig.settleAndAudit(accepted));
  });

  it('because they were deleted goes on once they are there again', async () => {
    const [, , dead = '', other = ''] = await rig.tenants(4);
    await createTopics(kafka.brokers, [...topicsOf(dead), ...topicsOf(other)]);
    for (const tenant of [dead, other]) await kafka.write(tenant, 'allow');
    await enqueue(dead);
    await enqueue(other);
    await until('both to flow', async () => (await pending(dead)) + (await pending(other)) === 0);

    await withAdmin(kafka.brokers, (admin) => admin.deleteTopics({ topics: topicsOf(dead) }));
    const later = await enqueue(dead);
    await suffers(dead, other, () => createTopics(kafka.brokers, topicsOf(dead)));
    // What was published before went with the topics.
    const brokers = kafka.brokers.split(',');
    expectClean(await audit({ kafka: { brokers }, acknowledged: later, minEvents: 2 * EVENTS }));
  });
});
