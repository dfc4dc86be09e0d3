import { setTimeout as delay } from 'node:timers/promises';
import type { ServerName } from '../../src/stack';
import type { Scene, StrikeOptions } from '../runner/scenario';

/** A server dies by `signal`, stays away for `downMs` and is started again on its data. */
export async function killServer(
  scene: Scene,
  fault: string,
  server: ServerName,
  { downMs, signal = 'SIGKILL', ...options }: { downMs: number; signal?: NodeJS.Signals } & StrikeOptions,
): Promise<void> {
  const { stack } = scene.servers.of(server);
  await scene.strike(
    fault,
    async (fired) => {
      stack.kill(server, signal);
      fired(`${signal} to ${server}, down for ${downMs} ms`);
      await delay(Math.max(downMs, 500));
      await stack.restart(server);
    },
    options,
  );
}

/** A server that accepts connections and answers nothing: SIGSTOP, and SIGCONT after `forMs`. */
export async function freezeServer(scene: Scene, fault: string, server: ServerName, forMs: number): Promise<void> {
  const { stack } = scene.servers.of(server);
  await scene.strike(fault, async (fired) => {
    stack.kill(server, 'SIGSTOP');
    fired(`SIGSTOP to ${server} for ${forMs} ms`);
    try {
      await delay(forMs);
    } finally {
      stack.kill(server, 'SIGCONT');
    }
  });
}
