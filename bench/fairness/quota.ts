import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../harness/clock';
import { rounded } from '../harness/statistics';
import { tenantNames, untilIdle } from '../harness/tenants';
import type { FairnessRig } from './rig';

export interface QuotaFigure {
  readonly perSecond: number;
  /** Deviation from the quota, %. */
  readonly offPercent: number;
  readonly kills: number;
  readonly seconds: number;
}

const QUOTA = { ratePerSecond: 100, burst: 1_500 };
/** The tenant runs at its rate when so long as this it did within a tenth of it, s. */
const STEADY_S = 3;
const STEADY_WITHIN_MS = 30_000;
/** Part of the window, without a kill: what the bucket gathered while the last worker was dead belongs to it. */
const CATCH_UP_MS = 20_000;

/** A tenant with a backlog and a quota of 100/s, counted at the consumer; with `killEveryS` its worker is killed so often. */
export async function measureQuota(
  rig: FairnessRig,
  options: { readonly seconds: number; readonly killEveryS: number | null },
  log: (line: string) => void,
): Promise<QuotaFigure> {
  const [tenant = ''] = tenantNames(rig.servers, options.killEveryS === null ? 'quota' : 'quota-killed', 1);
  await rig.tenants([tenant], { quota: QUOTA });
  // Enough for the whole measurement. What is left without kills goes within seconds: a worker of the next measurement would
  // publish it too, and both were counted as one (199 events/s of two tenants).
  const beyondS = options.killEveryS === null ? 40 : 120;
  await rig.store([tenant], rig.topics.counted, QUOTA.burst + QUOTA.ratePerSecond * (options.seconds + beyondS));
  const arrived = async (): Promise<number> => (await rig.consumer.call('arrivals', undefined)).count;
  const without = await arrived();
  let worker = await rig.worker();
  await rig.wake([tenant], rig.topics.counted);
  // Waited for and not timed: while a burst goes slowly tokens come in, and would go in the window and be measured as rate.
  while ((await arrived()) - without < QUOTA.burst) await delay(200);
  const deadline = now() + STEADY_WITHIN_MS;
  for (let steady = false; !steady;) {
    if (now() > deadline) throw new Error('the tenant did not come to run at its rate within half a minute');
    const seen = await arrived();
    await delay(STEADY_S * 1_000);
    const rate = ((await arrived()) - seen) / STEADY_S;
    steady = Math.abs(rate / QUOTA.ratePerSecond - 1) <= 0.1;
  }
  log(`quota${options.killEveryS === null ? '' : `, worker killed every ${options.killEveryS} s`}`);
  const started = now();
  const before = await arrived();
  let kills = 0;
  for (let killAt = started + 1_000 * (options.killEveryS ?? Infinity); ;) {
    const end = started + options.seconds * 1_000;
    if (now() >= end) break;
    await delay(Math.max(0, Math.min(killAt, end) - now()));
    if (options.killEveryS === null || now() >= end) continue;
    worker.child.signal('SIGKILL');
    await worker.child.ended;
    kills += 1;
    worker = await rig.worker();
    killAt += options.killEveryS * 1_000;
  }
  if (kills > 0) await delay(CATCH_UP_MS);
  const seconds = (now() - started) / 1_000;
  const count = (await arrived()) - before;
  if (options.killEveryS === null) await untilIdle(rig.servers, [tenant]);
  await worker.child.stop();
  await rig.balanced([tenant], log, { drained: options.killEveryS === null });
  const perSecond = count / seconds;
  const offPercent = (perSecond / QUOTA.ratePerSecond - 1) * 100;
  return { perSecond: rounded(perSecond, 1), offPercent: rounded(offPercent, 1), kills, seconds: rounded(seconds, 1) };
}
