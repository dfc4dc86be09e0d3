import { setTimeout as delay } from 'node:timers/promises';
import { plainDraft } from '../../acts/poison';
import { until } from '../../harness/waiting';
import type { Scenario, Scene } from '../../runner/scenario';
import { enqueueAll } from '../../traffic/enqueue-all';

export const signalsLost: Scenario = {
  name: 'signals-lost',
  group: 'temporal',
  about:
    'every publisher sleeps; then wakes are lost: NOTIFY never sent, signals that cannot reach Temporal, answers of Temporal cut',
  faults: ['notify_lost', 'signals_refused', 'temporal_cut'],
  quick: true,
  async run(scene) {
    const { installation, temporal } = scene.rig;
    await scene.strike('notify_lost', async (fired) => {
      await asleep(scene);
      await installation.query('alter table outbox.events disable trigger wake_publishers');
      fired('trigger disabled');
      await oneEach(scene);
      await installation.query('alter table outbox.events enable trigger wake_publishers');
    });
    await scene.strike('signals_refused', async () => {
      await asleep(scene);
      temporal.cut('signals_refused', true);
      await oneEach(scene);
      await delay(2_000);
      temporal.heal();
    });
    scene.traffic.resume();
    for (let round = 0; round < 3; round += 1) {
      await scene.strike('temporal_cut', async () => {
        await delay(500);
        temporal.cut('temporal_cut');
      });
    }
  },
};

async function asleep(scene: Scene): Promise<void> {
  scene.traffic.pause();
  await scene.rig.installation.untilDrained(30_000);
  await until('every publisher asleep', async () => {
    const rows = await scene.rig.installation.query(`select 1 from outbox.publishers where state <> 'sleeping'`);
    return rows.length === 0;
  });
}

async function oneEach(scene: Scene): Promise<void> {
  const drafts = scene.tenants.map((tenant) => plainDraft(tenant, scene.topics[0] ?? ''));
  scene.produced(await enqueueAll(scene.rig.direct.databaseUrl, drafts));
}
