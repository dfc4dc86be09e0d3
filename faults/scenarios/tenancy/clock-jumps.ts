import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FakeClock, findFakeTime } from '../../harness/faketime';
import type { Service } from '../../harness/service-process';
import { until } from '../../harness/waiting';
import type { Scenario, Scene } from '../../runner/scenario';

const JUMPS = { hour_ahead: 3_600, hour_back: -3_600, day_back: -86_400 } as const;
type Jump = keyof typeof JUMPS;

export const clockJumps: Scenario = {
  name: 'clock-jumps',
  group: 'tenancy',
  about:
    'the wall clocks of workers and api jump by an hour ahead, an hour back and a day back, while everybody else has the true time',
  faults: Object.keys(JUMPS),
  env: () => clock()?.env ?? {},
  plan: (random) => ({ order: random.shuffled(Object.keys(JUMPS)) }),
  async run(scene, plan) {
    const found = findFakeTime();
    const jumping = clock();
    if (jumping === null || 'missing' in found) {
      for (const name of Object.keys(JUMPS)) scene.impossible(name, 'missing' in found ? found.missing : 'no clock');
      return;
    }
    for (const name of plan['order'] as readonly Jump[]) {
      await scene.strike(name, async (fired) => {
        jumping.jump(JUMPS[name]);
        await allSee(scene, JUMPS[name]);
        fired(`${JUMPS[name]} s in ${scene.rig.services.length} processes`);
        await delay(2_000);
      });
      await scene.strike(name, async () => {
        jumping.jump(0);
        await allSee(scene, 0);
      });
    }
  },
};

/** Resolves when every worker and api is so many seconds off. */
async function allSee(scene: Scene, seconds: number): Promise<void> {
  for (const service of scene.rig.services) {
    await until(`${service.child.options.name} ${seconds} s off`, async () => near(await offset(service), seconds));
  }
}

/** One clock per run of the scenario: the file is named when workers and api are started, and again when it runs. */
function clock(): FakeClock | null {
  const found = findFakeTime();
  return 'missing' in found ? null : new FakeClock(found.library, join(tmpdir(), `outbox-fault-clock-${process.pid}`));
}

/** By how many seconds a service's clock is off, by the Date header of its answers. */
async function offset(service: Service): Promise<number> {
  const response = await fetch(`${service.adminUrl}/livez`);
  await response.arrayBuffer();
  return (Date.parse(response.headers.get('date') ?? '') - Date.now()) / 1_000;
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) < 60;
}
