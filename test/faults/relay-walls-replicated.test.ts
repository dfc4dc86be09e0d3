import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../faults/harness/waiting';
import { startKafkaCluster } from '../../faults/servers/kafka-cluster';
import type { KafkaCluster } from '../../faults/servers/kafka-cluster';
import { suspendedTopics } from '../../src/postgres/relay/admissions';
import { placeTopic } from '../support/placed-topics';
import { allPublished, expectOnceInOrder, waiting } from '../support/relay-audit';
import { relayRigOn } from '../support/relay-rig';

const DEAD = 3;

/**
 * A broker of three dies: everything that it replicated, ledgers and the log of transactions too, takes nothing until it is out of the sets in
 * sync, and one topic had its only replica there. Kafka is sick first; then only what waits for that topic is.
 */
describe('a broker of three dies, and with it one topic', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await startKafkaCluster();
  }, 180_000);
  afterAll(() => cluster.stop());

  it('others flow once Kafka does, and the topic when the broker is back', async () => {
    const rig = await relayRigOn(cluster.addresses.split(','), ['other', 'both'], { singleBroker: false });
    const [good, lone] = [`good-${randomUUID()}`, `lone-${randomUUID()}`];
    try {
      await placeTopic(cluster.addresses, good, [
        [1, 2, 3],
        [2, 3, 1],
        [3, 1, 2],
      ]);
      await placeTopic(cluster.addresses, lone, [[DEAD]], { 'min.insync.replicas': '1' });
      const worker = rig.worker('w1', { lingerMs: 600_000, drainMaxMs: 600_000 });
      await until('a relay that runs', () => worker.states().some(({ state }) => state === 'running'));
      for (const tenant of ['other', 'both']) rig.keepDraining(worker, tenant);
      await until('both attached', () => worker.states().some(({ publishers }) => publishers === 2));
      for (const topic of [good, lone]) await rig.store('both', 20, () => ({ topic }));
      await rig.store('other', 20, () => ({ topic: good }));
      await allPublished(rig, 'both', 'other');

      // Sent to all the time, so that a transaction is under way when it dies.
      let stop = false;
      const traffic = (async () => {
        let sent = 0;
        for (; !stop; sent += 1) {
          for (const tenant of ['both', 'other']) await rig.store(tenant, 2, () => ({ topic: good }));
          await rig.store('both', 1, () => ({ topic: lone }));
          await delay(10);
        }
        return sent;
      })();
      await delay(500);
      cluster.nodes[DEAD - 1]?.kill('kafka', 'SIGKILL');
      const began = Date.now();
      await delay(1_000);
      stop = true;
      const sent = await traffic;
      await allPublished(rig, 'other');
      process.stderr.write(`others went on after ${Date.now() - began} ms\n`);
      await until('the lone topic to be all that waits', async () => /^(both\/lone\S+)?$/.test(await waiting(rig)));
      for (let round = 0; round < 5; round += 1) await rig.store('other', 10, () => ({ topic: good }));
      await allPublished(rig, 'other');
      expect((await suspendedTopics(rig.db.pool, 10)).map(({ topic }) => topic)).toEqual([lone]);

      await cluster.nodes[DEAD - 1]?.restart('kafka');
      await until('the lone topic to flow', async () => (await waiting(rig)) === '', 150_000);
      process.stderr.write(`all flows after ${Date.now() - began} ms\n${rig.notes.join('\n')}\n`);
      await expectOnceInOrder(rig, cluster.addresses.split(','), { [good]: 90 + 4 * sent, [lone]: 20 + sent });
    } catch (error) {
      process.stderr.write(`${rig.notes.join('\n')}\n`);
      throw error;
    } finally {
      await rig.close();
    }
  }, 300_000);
});
