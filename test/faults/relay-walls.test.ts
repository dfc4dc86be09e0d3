import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../faults/harness/waiting';
import { startKafkaCluster } from '../../faults/servers/kafka-cluster';
import type { KafkaCluster } from '../../faults/servers/kafka-cluster';
import { suspendedTopics } from '../../src/postgres/relay/admissions';
import { awayFrom, placeTopic } from '../support/placed-topics';
import { relayKafkaWithLedger, openRelay } from '../support/relay-kafka';
import { allPublished, expectOnceInOrder, waiting } from '../support/relay-audit';
import { relayRigOn } from '../support/relay-rig';

const SICK = 3;

/** One tenant's topic has its only replica on a broker that freezes or dies; ledgers, coordinators and others' topics are elsewhere. */
describe('a partition that does not answer', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await startKafkaCluster({
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
    });
    // Makes the log of transactions, whose partitions say where coordinators are.
    const kafka = await relayKafkaWithLedger(cluster.addresses.split(','));
    (await openRelay(kafka, 0)).producer.destroy();
    kafka.close();
  }, 180_000);
  afterAll(() => cluster.stop());

  it.each([
    ['freezes', 'SIGSTOP', async () => cluster.nodes[SICK - 1]?.kill('kafka', 'SIGCONT')],
    ['dies', 'SIGKILL', async () => cluster.nodes[SICK - 1]?.restart('kafka')],
  ] as const)(
    'because its broker %s costs others one transaction, and its events come when it is well again',
    async (_what, signal, heal) => {
      const rig = await relayRigOn(
        cluster.addresses.split(','),
        ['other', 'both'],
        await awayFrom(cluster.addresses, SICK),
      );
      const [good, sick] = [`good-${randomUUID()}`, `sick-${randomUUID()}`];
      try {
        await placeTopic(cluster.addresses, good, [[1], [2]], { 'min.insync.replicas': '1' });
        await placeTopic(cluster.addresses, sick, [[SICK]], { 'min.insync.replicas': '1' });
        const worker = rig.worker('w1', { lingerMs: 600_000, drainMaxMs: 600_000 });
        await until('a relay that runs', () => worker.states().some(({ state }) => state === 'running'));
        for (const tenant of ['other', 'both']) rig.keepDraining(worker, tenant);
        await until('both attached', () => worker.states().some(({ publishers }) => publishers === 2));
        for (const topic of [good, sick]) await rig.store('both', 10, () => ({ topic }));
        await rig.store('other', 10, () => ({ topic: good }));
        await allPublished(rig, 'both', 'other');

        cluster.nodes[SICK - 1]?.kill('kafka', signal);
        const began = Date.now();
        await rig.store('both', 5, () => ({ topic: sick }));
        await delay(50);
        await rig.store('other', 10, () => ({ topic: good }));
        await rig.store('both', 10, () => ({ topic: good }));
        await allPublished(rig, 'other');
        process.stderr.write(`others went on after ${Date.now() - began} ms\n`);
        await until('the topic of its own to be all that waits', async () => (await waiting(rig)) === `both/${sick}/5`);
        process.stderr.write(`its own other topic after ${Date.now() - began} ms\n`);
        for (let round = 0; round < 5; round += 1) await rig.store('other', 10, () => ({ topic: good }));
        await allPublished(rig, 'other');
        expect((await suspendedTopics(rig.db.pool, 10)).map(({ topic }) => topic)).toEqual([sick]);
        expect(rig.notes.filter((note) => note.includes('retired'))).toHaveLength(1);

        await heal();
        await rig.store('both', 5, () => ({ topic: sick }));
        await until('the sick topic to flow', async () => (await waiting(rig)) === '', 120_000);
        process.stderr.write(`healed, ${Date.now() - began} ms\n`);
        expect(await suspendedTopics(rig.db.pool, 10)).toEqual([]);
        await expectOnceInOrder(rig, cluster.addresses.split(','), { [good]: 90, [sick]: 20 });
      } catch (error) {
        process.stderr.write(`${rig.notes.join('\n')}\n`);
        throw error;
      } finally {
        await rig.close();
      }
    },
    240_000,
  );
});
