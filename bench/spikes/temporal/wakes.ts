import { setTimeout as delay } from 'node:timers/promises';
import { ActivityNotFoundError } from '@temporalio/client';
import { now } from '../../harness/clock';
import { median, percentile, rounded } from '../../harness/statistics';
import { Driver, each, ended } from './driver';
import type { DevServer } from './dev-server';
import { cpuMs, machineCpuMs } from './process';
import type { Address, Kind, SpikeInput } from './shapes';

const PUBLISHERS = 200;
const LOOPS = 40;
/** How long a drain is open: completions must not come in the answer of the start. */
const HOLD_MS = 100;

export interface WakeCost {
  readonly kind: string;
  readonly wakesPerSecond: number;
  /** CPU per wake, ms; the driver's includes completing where another process does. */
  readonly serverMs: number;
  readonly workerMs: number;
  readonly driverMs: number;
  /** From the call of a single wake on an idle machine to its activity's first line, ms. */
  readonly loneP50: number;
  readonly loneP95: number;
  /** Cores that other processes used meanwhile: above 0.2 the rates say little, the CPU per wake still much. */
  readonly othersCores: number;
  /** Completions that came before their activity was scheduled, and were repeated. */
  readonly early: number;
}

/** What wakes cost when all are busy, and how long a lone one takes. */
export async function wakeCost(
  server: DevServer,
  kind: Kind,
  { seconds = 8, lone = 30, name = kind as string, ...input }: Options = {},
): Promise<WakeCost> {
  const driver = await Driver.connect(server, `wakes-${name}`);
  const worker = await driver.worker();
  const pid = worker.pid ?? 0;
  let early = 0;
  const loneAt: { resolve?: (at: number) => void } = {};
  driver.onAttached = ({ address, at }) => {
    loneAt.resolve?.(at);
    if (kind !== 'here') void finish(address);
  };
  const finish = async (address: Address): Promise<void> => {
    await delay(HOLD_MS);
    if (kind === 'signal' || kind === 'local-signal') {
      await driver.client.workflow.getHandle(address.workflowId).signal('outcome', { published: 10 });
      return;
    }
    for (;;) {
      try {
        return await driver.complete(address);
      } catch (error) {
        if (!(error instanceof ActivityNotFoundError)) throw error;
        early += 1;
        await delay(50);
      }
    }
  };
  const turn = async (id: string): Promise<void> => {
    const done = driver.done(id);
    await driver.wake(id, kind, { holdMs: HOLD_MS, ...input });
    await done;
  };
  const ids = Array.from({ length: PUBLISHERS }, (_, index) => `${name}-${index}`);
  await each(ids, LOOPS, turn);

  let wakes = 0;
  const begin = now();
  const before = [cpuMs(server.pid), cpuMs(pid), process.cpuUsage(), machineCpuMs()] as const;
  await Promise.all(
    Array.from({ length: LOOPS }, async (_, loop) => {
      for (let round = 0; now() < begin + seconds * 1_000; round += 1) {
        await turn(ids[(loop + round * LOOPS) % PUBLISHERS] ?? '');
        wakes += 1;
      }
    }),
  );
  const used = process.cpuUsage(before[2]);
  const elapsed = now() - begin;
  const allMs = machineCpuMs() - before[3];
  const [serverMs, workerMs] = [cpuMs(server.pid) - before[0], cpuMs(pid) - before[1]];

  const driverMs = (used.user + used.system) / 1_000;

  const times: number[] = [];
  for (let sample = 0; sample < lone; sample += 1) {
    const id = ids[sample % PUBLISHERS] ?? '';
    const attached = new Promise<number>((resolve) => (loneAt.resolve = resolve));
    const done = driver.done(id);
    const start = now();
    await driver.wake(id, kind, input);
    // What returns by itself tells nobody that it began, so its end counts, which is a little later.
    times.push((kind === 'returns' || kind === 'local' ? (await done).at : await attached) - start);
    await done;
  }
  await ended(worker, 'SIGTERM');
  await driver.close();
  return {
    kind: name,
    wakesPerSecond: rounded((wakes / elapsed) * 1_000, 1),
    serverMs: rounded(serverMs / wakes, 1),
    workerMs: rounded(workerMs / wakes, 1),
    driverMs: rounded(driverMs / wakes, 1),
    loneP50: rounded(median(times)),
    loneP95: rounded(percentile(times, 0.95)),
    othersCores: rounded((allMs - serverMs - workerMs - driverMs) / elapsed, 2),
    early,
  };
}

type Options = { readonly seconds?: number; readonly lone?: number; readonly name?: string } & Partial<SpikeInput>;
