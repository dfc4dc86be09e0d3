import { setTimeout as delay } from 'node:timers/promises';
import { withSession } from '../../acts/sessions';
import type { Scenario } from '../../runner/scenario';

export const tableLocked: Scenario = {
  name: 'table-locked',
  group: 'postgres',
  about: 'somebody locks outbox.events in ACCESS EXCLUSIVE mode, then outbox.publishers, as a careless migration does',
  faults: ['events_locked', 'publishers_locked'],
  async run(scene) {
    for (const table of ['events', 'publishers'] as const) {
      await scene.strike(`${table}_locked`, (fired) =>
        withSession(scene.rig.direct.databaseUrl, async (client) => {
          await client.query('begin');
          await client.query(`lock table outbox.${table} in access exclusive mode`);
          fired(`for ${scene.seconds} s`);
          await delay(scene.seconds * 1_000);
          await client.query('rollback');
        }),
      );
    }
  },
};
