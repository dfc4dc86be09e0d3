import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../harness/waiting';
import type { Scenario } from '../../runner/scenario';

export const temporalWiped: Scenario = {
  name: 'temporal-wiped',
  group: 'temporal',
  about:
    'Temporal is killed and comes back with an empty database: the sweep starts every publisher anew, nothing is doubled',
  faults: ['temporal_wiped'],
  async run(scene) {
    const { stack, dataDir } = scene.servers.of('temporal');
    await scene.strike(
      'temporal_wiped',
      async (fired) => {
        stack.kill('temporal', 'SIGKILL');
        await until('Temporal to end', () => stack.pids.temporal === undefined);
        const folder = join(dataDir, 'temporal');
        const files = readdirSync(folder).filter((name) => name.startsWith('temporal.db'));
        for (const name of files) rmSync(join(folder, name));
        fired(files.join(' '));
        await stack.restart('temporal');
      },
      { deadlineMs: 90_000 },
    );
  },
};
