import { until } from '../../harness/waiting';
import type { Scenario } from '../../runner/scenario';

export const postgresDiskFull: Scenario = {
  name: 'postgres-disk-full',
  group: 'postgres',
  about: "Postgres' disk is full (a tmpfs): nothing is acknowledged that is not stored; room is made, and all goes on",
  faults: ['postgres_disk_full'],
  stack: 'full-postgres',
  async run(scene) {
    const { disk } = scene.servers;
    const { stack } = scene.servers.of('postgres');
    if (disk === null) throw new Error('this scenario needs a disk of limited size');
    await scene.strike('postgres_disk_full', async (fired) => {
      const isFull = (why: string): boolean => why.includes('No space left on device');
      try {
        await until('Postgres to say that its disk is full', () => {
          // Files that Postgres had allocated beforehand take some writes still.
          disk.fill();
          return stack.pids.postgres === undefined || [...scene.traffic.refusals.keys()].some(isFull);
        });
        fired(stack.pids.postgres === undefined ? 'Postgres ended' : 'ENOSPC');
      } finally {
        disk.free();
      }
      if (stack.pids.postgres === undefined) await stack.restart('postgres');
    });
  },
};
