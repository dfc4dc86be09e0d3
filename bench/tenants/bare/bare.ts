import { join } from 'node:path';
import { Helper } from '../../harness/helper';
import { rounded } from '../../harness/statistics';
import { latencyOf } from '../harness/open-loop';
import type { Latency } from '../harness/open-loop';
import type { TenantsRig } from '../harness/rig';
import type { BareCalls } from './process';

/** What Temporal itself allows: a workflow that is signalled and runs one empty activity. */
export interface BareWakes {
  /** Per second, as fast as they go. */
  readonly wakesPerSecond: number;
  /** Half of that: the rate of the open loop here, and of the one that wakes sleeping tenants. */
  readonly perSecond: number;
  /** From signal to activity at that rate. */
  readonly roundTrip: Latency;
}

const WORKFLOWS = 200;
const LOOPS = 40;
const WARM_UP_SECONDS = 2;
const COLD_WITHIN_MS = 20 * 60_000;

export async function startBare(rig: TenantsRig): Promise<Helper<BareCalls>> {
  const bare = new Helper<BareCalls>('bare worker', join(__dirname, 'process.js'));
  rig.closing.add('bare worker', () => bare.stop());
  const { temporalAddress: address, prefix } = rig.servers;
  await bare.call('connect', { address, taskQueue: `${prefix}-bare` });
  return bare;
}

export async function measureBare(rig: TenantsRig): Promise<BareWakes> {
  const { bareSeconds } = rig.options.sizes;
  const bare = await startBare(rig);
  const fastest = (seconds: number): Promise<number> =>
    bare.call('fastest', { seconds, loops: LOOPS, workflows: WORKFLOWS }, COLD_WITHIN_MS);
  await fastest(WARM_UP_SECONDS);
  const wakesPerSecond = await fastest(bareSeconds);
  const perSecond = Math.max(1, Math.floor(wakesPerSecond / 2));
  const load = { perSecond, count: Math.ceil(perSecond * bareSeconds), workflows: WORKFLOWS };
  const roundTrip = latencyOf(await bare.call('onSchedule', load, COLD_WITHIN_MS));
  await bare.stop();
  rig.log(`bare wakes: ${wakesPerSecond.toFixed(1)}/s, at ${perSecond}/s p50 ${roundTrip.p50} p99 ${roundTrip.p99} ms`);
  return { wakesPerSecond: rounded(wakesPerSecond, 1), perSecond, roundTrip };
}

/** Seconds that `count` bare workflows take that never ran before; `from` of them did by an earlier call. */
export async function bareCold(rig: TenantsRig, from: number, count: number): Promise<number> {
  const bare = await startBare(rig);
  const seconds = await bare.call('cold', { from, count }, COLD_WITHIN_MS);
  await bare.stop();
  rig.log(`${count} bare workflows: ${seconds.toFixed(1)} s`);
  return seconds;
}
