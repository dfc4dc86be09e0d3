import { setTimeout as delay } from 'node:timers/promises';
import { now, poll } from '../../harness/clock';
import { percentile, rounded } from '../../harness/statistics';
import { Driver, each, ended } from './driver';
import type { DevServer } from './dev-server';
import { cpuMs, rssMb } from './process';
import type { Address } from './shapes';

const IDLE_SECONDS = 20;

/** Opens so many drains, each of a workflow of its own, looks at what they cost at rest, and completes `complete` of them. */
export async function manyOpen(server: DevServer, count: number, complete: number, width: number) {
  const driver = await Driver.connect(server, `open-${count}`);
  const worker = await driver.worker({ cached: count + 100 });
  const pid = worker.pid ?? 0;
  const memory = () => ({ serverMb: rounded(rssMb(server.pid)), workerMb: rounded(rssMb(pid)) });
  await openAll(driver, ['open-warm'], 1);
  const empty = memory();
  const ids = Array.from({ length: count }, (_, index) => `open-${index}`);
  const opened = await openAll(driver, ids, width, server, pid);
  console.error(JSON.stringify({ count, empty, opened }));
  await delay(5_000);
  const before = [cpuMs(server.pid), cpuMs(pid)] as const;
  await delay(IDLE_SECONDS * 1_000);
  const share = (after: number, start: number): number => rounded((after - start) / IDLE_SECONDS / 10, 2);
  const idle = { serverPercent: share(cpuMs(server.pid), before[0]), workerPercent: share(cpuMs(pid), before[1]) };
  const full = memory();
  console.error(JSON.stringify({ idle, full }));
  const completed = await completeAll(driver, ids.slice(0, complete), width);
  await ended(worker, 'SIGTERM');
  await driver.close();
  return { count, empty, opened, idle, full, completed };
}

/** The same 1,000 drains, completed at once with different widths. */
export async function batches(server: DevServer, count: number, widths: readonly number[]) {
  const driver = await Driver.connect(server, 'batches');
  const worker = await driver.worker({ cached: count + 100 });
  const ids = Array.from({ length: count }, (_, index) => `batch-${index}`);
  const results = [];
  for (const width of widths) {
    await openAll(driver, ids, 40);
    results.push({ width, ...(await completeAll(driver, ids, width)) });
  }
  await ended(worker, 'SIGTERM');
  await driver.close();
  return results;
}

async function openAll(driver: Driver, ids: readonly string[], width: number, server?: DevServer, pid?: number) {
  const start = now();
  const cpu = server !== undefined && pid !== undefined ? ([cpuMs(server.pid), cpuMs(pid)] as const) : undefined;
  await each(ids, width, (id) => driver.wake(id, 'elsewhere'));
  const signalled = now() - start;
  await poll('all drains are open', 300_000, 50, () => ids.every((id) => driver.open.has(id)));
  const seconds = rounded((now() - start) / 1_000, 1);
  const each_ = (after: number, before: number): number => rounded((after - before) / ids.length, 1);
  return {
    seconds,
    perSecond: rounded(ids.length / seconds, 1),
    signalledSeconds: rounded(signalled / 1_000, 1),
    ...(cpu && server && pid && { serverMs: each_(cpuMs(server.pid), cpu[0]), workerMs: each_(cpuMs(pid), cpu[1]) }),
  };
}

/** Completes these drains, so many at a time; errors by text. */
async function completeAll(driver: Driver, ids: readonly string[], width: number) {
  const addresses = ids.map((id) => driver.open.get(id)).filter((address): address is Address => address !== undefined);
  const times: number[] = [];
  const errors = new Map<string, number>();
  let done = 0;
  driver.onDone = () => void (done += 1);
  const start = now();
  await each(addresses, width, async (address) => {
    const asked = now();
    try {
      await driver.complete(address);
      driver.open.delete(address.workflowId);
    } catch (error) {
      const text = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
      errors.set(text, (errors.get(text) ?? 0) + 1);
    }
    times.push(now() - asked);
  });
  const acknowledged = now() - start;
  const failed = [...errors.values()].reduce((sum, n) => sum + n, 0);
  await poll('all workflows have heard', 300_000, 20, () => done >= addresses.length - failed);
  return {
    completed: addresses.length - failed,
    acknowledgedSeconds: rounded(acknowledged / 1_000, 1),
    processedSeconds: rounded((now() - start) / 1_000, 1),
    callP50: rounded(percentile(times, 0.5)),
    callP99: rounded(percentile(times, 0.99)),
    errors: Object.fromEntries(errors),
  };
}
