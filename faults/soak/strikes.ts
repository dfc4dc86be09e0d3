import { setTimeout as delay } from 'node:timers/promises';
import { ALL_FRAME_FAULTS, strikeFrame } from '../acts/frames';
import { freezeServer, killServer } from '../acts/servers';
import { TERMINATE_BACKENDS } from '../acts/sessions';
import { freezeWorker, killWorker, terminateWorker } from '../acts/workers';
import type { Service } from '../harness/service-process';
import type { Scene } from '../runner/scenario';
import type { Random } from '../traffic/random';

/** What the soak strikes with. `prey` is the one worker that it may harm; the other is measured. */
export interface Soaking {
  readonly scene: Scene;
  readonly random: Random;
  prey: Service;
}

type Strike = (soaking: Soaking) => Promise<void>;

/** All that one stack can bear again and again; each leaves everything running. */
export const SOAK_STRIKES: Readonly<Record<string, Strike>> = {
  worker_killed: async (soaking) => {
    soaking.prey = await killWorker(soaking.scene, soaking.prey);
  },
  worker_frozen: ({ scene, prey }) => freezeWorker(scene, prey, 7_000),
  worker_terminated: async (soaking) => {
    soaking.prey = await terminateWorker(soaking.scene, soaking.prey);
  },
  broker_killed: ({ scene, random }) =>
    killServer(scene, 'broker_killed', 'kafka', { downMs: random.int(500, 6_000), deadlineMs: 90_000 }),
  broker_frozen: ({ scene, random }) => freezeServer(scene, 'broker_frozen', 'kafka', random.int(3_000, 12_000)),
  postgres_stopped: ({ scene, random }) =>
    killServer(scene, 'postgres_stopped', 'postgres', { downMs: random.int(500, 4_000), signal: 'SIGQUIT' }),
  temporal_killed: ({ scene, random }) =>
    killServer(scene, 'temporal_killed', 'temporal', { downMs: random.int(500, 8_000), deadlineMs: 90_000 }),
  backends_terminated: ({ scene }) =>
    scene.strike('backends_terminated', async (fired) => {
      const { installation } = scene.rig;
      const ended = await installation.onServer(TERMINATE_BACKENDS, [installation.name]);
      if (ended.length > 0) fired(`${ended.length} sessions`);
    }),
  temporal_cut: ({ scene }) =>
    scene.strike('temporal_cut', async () => {
      scene.rig.temporal.cut('temporal_cut');
      await delay(200);
    }),
  frame_lost: async ({ scene, random }) => {
    await strikeFrame(scene, random.pick(ALL_FRAME_FAULTS));
    scene.rig.faults.fired('frame_lost', 'see the fault of that request');
  },
};
