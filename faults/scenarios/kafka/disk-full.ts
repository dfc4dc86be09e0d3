import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../harness/waiting';
import type { Scenario } from '../../runner/scenario';

/** A broker that does not die of it at once must at least not have published anything for so long. */
const STANDSTILL_MS = 5_000;

export const kafkaDiskFull: Scenario = {
  name: 'kafka-disk-full',
  group: 'kafka',
  about:
    "the disk of the broker's log is full (a tmpfs): no event may be taken for poison; room is made and the broker started again",
  faults: ['kafka_disk_full'],
  stack: 'full-kafka',
  async run(scene) {
    const { disk } = scene.servers;
    const { stack } = scene.servers.of('kafka');
    if (disk === null) throw new Error('this scenario needs a disk of limited size');
    await scene.strike('kafka_disk_full', async (fired) => {
      disk.fill();
      try {
        let standing = 0;
        await until('the broker to end, or to take nothing any more', async () => {
          const before = await published();
          await delay(500);
          standing = (await published()) === before ? standing + 500 : 0;
          // Whatever the broker gave back meanwhile is taken again.
          disk.fill();
          return stack.pids.kafka === undefined || standing >= STANDSTILL_MS;
        });
        fired(stack.pids.kafka === undefined ? 'the broker ended' : `nothing published for ${standing} ms`);
      } finally {
        disk.free();
      }
      await stack.restart('kafka');
    });
    const [row] = await scene.rig.installation.query<{ failed: number }>(
      `select count(*)::int as failed from outbox.events where status = 'failed'`,
    );
    if (row?.failed !== 0) throw new Error(`${row?.failed} events were parked for a full disk`);

    async function published(): Promise<number | undefined> {
      const sql = `select count(*)::int as n from outbox.events where status = 'published'`;
      return (await scene.rig.installation.query<{ n: number }>(sql))[0]?.n;
    }
  },
};
