import { setTimeout as delay } from 'node:timers/promises';
import { TERMINATE_BACKENDS } from '../../acts/sessions';
import type { Scenario } from '../../runner/scenario';

export const readOnly: Scenario = {
  name: 'read-only',
  group: 'postgres',
  about: 'the database takes no writes (as a standby, or a server whose disk is nearly full), then it does again',
  faults: ['read_only'],
  async run(scene) {
    const { installation } = scene.rig;
    const set = async (clause: string): Promise<void> => {
      await installation.onServer(`alter database "${installation.name}" ${clause}`);
      // It holds for new sessions only.
      await installation.onServer(TERMINATE_BACKENDS, [installation.name]);
    };
    await scene.strike('read_only', async (fired) => {
      await set('set default_transaction_read_only = on');
      try {
        await delay(scene.seconds * 1_000);
        const refused = [...scene.traffic.refusals.keys()].some((why) => why.includes('read-only transaction'));
        if (refused) fired(`for ${scene.seconds} s`);
      } finally {
        await set('reset default_transaction_read_only');
      }
    });
  },
};
