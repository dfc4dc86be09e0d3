import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { TERMINATE_BACKENDS, openSession } from '../../acts/sessions';
import type { Scenario } from '../../runner/scenario';

export const connectionsExhausted: Scenario = {
  name: 'connections-exhausted',
  group: 'postgres',
  about: 'others take every connection that Postgres has, and ours are cut: nobody gets a new one until they let go',
  faults: ['connections_exhausted'],
  async run(scene) {
    const { name, databaseUrl } = {
      name: scene.rig.installation.name,
      databaseUrl: scene.servers.addresses.databaseUrl,
    };
    await scene.strike('connections_exhausted', async (fired) => {
      const held: Client[] = [];
      try {
        await takeAll(databaseUrl, held);
        await held[0]?.query(TERMINATE_BACKENDS, [name]);
        const end = Date.now() + scene.seconds * 1_000;
        let refused = false;
        // What ours had becomes free a moment later, and they compete for it.
        for (; Date.now() < end; await delay(200)) refused = (await takeAll(databaseUrl, held)) || refused;
        if (refused) fired(`${held.length} sessions held`);
      } finally {
        await Promise.all(held.map((client) => client.end().catch(() => undefined)));
      }
    });
  },
};

/** Opens sessions until Postgres refuses one: true. */
async function takeAll(databaseUrl: string, held: Client[]): Promise<boolean> {
  for (;;) {
    try {
      held.push(await openSession(databaseUrl));
    } catch (error) {
      // 53300: too many connections.
      if ((error as { code?: string }).code === '53300') return true;
      throw error;
    }
  }
}
