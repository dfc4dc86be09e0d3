import { setTimeout as delay } from 'node:timers/promises';
import { poll } from '../../harness/clock';
import { answer } from './answers';
import { Driver, each, ended } from './driver';
import type { DevServer } from './dev-server';

/** Completions around the moment of their activity's time-out: what each side hears, counted by pair. */
export async function race(server: DevServer, count: number, timeoutMs: number) {
  const driver = await Driver.connect(server, 'race');
  const worker = await driver.worker();
  const ids = Array.from({ length: count }, (_, index) => `race-${index}`);
  const heard = new Map<string, string[]>();
  const answered = new Map<string, string>();
  driver.onDone = ({ workflowId, result }) => void heard.set(workflowId, [...(heard.get(workflowId) ?? []), result]);
  driver.onAttached = ({ address }) => {
    const index = Number(address.workflowId.slice('race-'.length));
    // Time-outs come within milliseconds of their moment, so most completions are near it.
    const at = timeoutMs - 100 + (150 * index) / count;
    void delay(at).then(async () => void answered.set(address.workflowId, await answer(driver.complete(address))));
  };
  await each(ids, 20, (id) => driver.wake(id, 'elsewhere', { startToCloseMs: timeoutMs }));
  await poll('all are decided', 60_000, 50, () => ids.every((id) => answered.has(id) && heard.has(id)));
  await delay(2_000);
  const pairs: Record<string, number> = {};
  for (const id of ids) {
    const pair = `completion: ${answered.get(id)} | workflow: ${(heard.get(id) ?? []).join(' and ')}`;
    pairs[pair] = (pairs[pair] ?? 0) + 1;
  }
  driver.onAttached = ({ address }) => void driver.complete(address);
  heard.clear();
  await each(ids, 20, (id) => driver.wake(id, 'elsewhere'));
  await poll('all live', 60_000, 50, () => ids.every((id) => heard.has(id)));
  await ended(worker, 'SIGTERM');
  await driver.close();
  return { pairs, allWokenAgain: true };
}
