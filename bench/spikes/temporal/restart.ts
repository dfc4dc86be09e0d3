import { setTimeout as delay } from 'node:timers/promises';
import { now, poll } from '../../harness/clock';
import { rounded } from '../../harness/statistics';
import { Driver, each, ended } from './driver';
import type { DevServer } from './dev-server';

const LOAD_MS = 4_000;

/**
 * Ends the server under load, starts it again on its file, and looks for every wake and every completion that it had acknowledged:
 * the wakes in the histories, the completions in what the workflows heard.
 */
export async function restart(server: DevServer, signal: 'SIGTERM' | 'SIGKILL', open: number) {
  const driver = await Driver.connect(server, `restart-${signal}`);
  const worker = await driver.worker();
  const ids = Array.from({ length: open }, (_, index) => `restart-${signal}-${index}`);
  await each(ids, 40, (id) => driver.wake(id, 'elsewhere'));
  await poll('all drains are open', 60_000, 20, () => ids.every((id) => driver.open.has(id)));
  const heard = new Set<string>();
  driver.onDone = ({ workflowId }) => void heard.add(workflowId);

  // Half are completed under the load of new wakes, the others after the restart.
  const wakes = new Map<string, number>();
  const completed = new Set<string>();
  let down = false;
  const load = Array.from({ length: 20 }, async (_, loop) => {
    for (let turn = 0; !down; turn += 1) {
      const id = `load-${signal}-${loop}-${turn % 5}`;
      await driver.client
        .withDeadline(Date.now() + 2_000, () => driver.wake(id, 'returns'))
        .then(() => wakes.set(id, (wakes.get(id) ?? 0) + 1))
        .catch(() => undefined);
      const address = loop < 4 ? driver.open.get(ids[loop + 4 * turn] ?? '') : undefined;
      if (address === undefined || 2 * (loop + 4 * turn) > open) continue;
      await driver.client
        .withDeadline(Date.now() + 2_000, () => driver.complete(address))
        .then(() => completed.add(address.workflowId))
        .catch(() => undefined);
    }
  });
  await delay(LOAD_MS);
  const killed = server.end(signal);
  await killed;
  down = true;
  await Promise.all(load);
  const start = now();
  await server.up();
  const upMs = now() - start;

  const rest = ids.filter((id) => !completed.has(id));
  const errors: Record<string, number> = {};
  await each(rest, 40, async (id) => {
    const address = driver.open.get(id);
    if (address === undefined) return;
    await driver.complete(address).catch((error: unknown) => {
      errors[String(error)] = (errors[String(error)] ?? 0) + 1;
    });
  });
  await poll('all outcomes are heard', 60_000, 50, () => ids.every((id) => heard.has(id))).catch(() => undefined);
  const heardMs = now() - start;
  let lostWakes = 0;
  let acknowledged = 0;
  await each([...wakes], 10, async ([id, count]) => {
    const { events } = await driver.client.workflow.getHandle(id).fetchHistory();
    const signals = (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes != null).length;
    acknowledged += count;
    lostWakes += Math.max(0, count - signals);
  });
  await ended(worker, 'SIGTERM');
  await driver.close();
  return {
    signal,
    acknowledgedWakes: acknowledged,
    lostWakes,
    completedBefore: completed.size,
    completedAfter: rest.length,
    outcomesLost: ids.filter((id) => !heard.has(id)).length,
    upMs: rounded(upMs),
    allHeardMs: rounded(heardMs),
    errors,
  };
}
