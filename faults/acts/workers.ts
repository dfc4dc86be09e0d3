import { setTimeout as delay } from 'node:timers/promises';
import { cutOffFrozen, untilStopped } from '../harness/struck-workers';
import type { Service } from '../harness/service-process';
import type { Scene } from '../runner/scenario';

/** kill -9 of one worker; the others take over. Resolves with the worker that took its place afterwards. */
export async function killWorker(scene: Scene, victim: Service | undefined): Promise<Service> {
  if (victim === undefined) throw new Error('there is no such worker to kill');
  await scene.strike('worker_killed', async (fired) => {
    victim.child.signal('SIGKILL');
    fired(`SIGKILL to ${victim.child.pid}`);
    await victim.child.ended;
  });
  return scene.worker();
}

/** SIGSTOP of one worker for longer than its leases; others take over meanwhile, then it goes on. */
export async function freezeWorker(scene: Scene, victim: Service | undefined, forMs: number): Promise<void> {
  if (victim === undefined) throw new Error('there is no such worker to freeze');
  await scene.strike('worker_frozen', async (fired) => {
    victim.child.signal('SIGSTOP');
    await untilStopped(victim, 'frozen');
    fired(`SIGSTOP to ${victim.child.pid} for ${forMs} ms`);
    await cutOffFrozen(scene.rig);
    await delay(forMs);
    victim.child.signal('SIGCONT');
  });
}

/** SIGTERM of one worker under load: it must end by itself, with code 0. Resolves with its replacement. */
export async function terminateWorker(scene: Scene, victim: Service | undefined): Promise<Service> {
  if (victim === undefined) throw new Error('there is no such worker to terminate');
  await scene.strike('worker_terminated', async (fired) => {
    fired(`SIGTERM to ${victim.child.pid}`);
    const { code, signal } = await victim.child.stop();
    if (code !== 0) throw new Error(`SIGTERM ended a worker with ${code ?? signal}:\n${victim.child.logTail()}`);
  });
  return scene.worker();
}
