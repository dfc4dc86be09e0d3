import { bareCold } from '../bare/bare';
import { now, poll } from '../../harness/clock';
import { ResidentMemory } from '../../harness/resident';
import { rounded } from '../../harness/statistics';
import type { Service } from '../../../faults/harness/service-process';
import { untilSettled } from '../harness/attached';
import type { TenantsRig } from '../harness/rig';

export interface Cold {
  readonly tenants: number;
  /** From the first commit to the last event at the consumer. */
  readonly seconds: number;
  /** What as many bare workflows with one empty activity take under the same worker settings. */
  readonly floorSeconds: number;
  /** Peak of the worker's resident memory, MiB. */
  readonly workerMb: number | null;
}

const CONNECTIONS = 8;
const ARRIVED_WITHIN_MS = 30 * 60_000;

/** Tenants that nobody has seen before, an event each, by transactions of their own. The worker must be fresh. */
export async function coldTenants(
  rig: TenantsRig,
  tenants: readonly string[],
  worker: Service,
): Promise<Pick<Cold, 'seconds' | 'workerMb'>> {
  const { consumer, topics, account } = rig.base;
  const memory = new ResidentMemory(worker.child.pid);
  await consumer.call('reset', undefined);
  const began = now();
  const waiting = [...tenants].reverse();
  const storeNext = async (): Promise<void> => {
    for (let tenant = waiting.pop(); tenant !== undefined; tenant = waiting.pop()) {
      await rig.rows(`select outbox.enqueue(tenant => $1, topic => $2, type => 'one', payload => '{"n":1}'::jsonb)`, [
        tenant,
        topics.counted,
      ]);
      account.accepted(tenant, 1);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, storeNext));
  let told = now();
  await poll(`events of ${tenants.length} cold tenants at the consumer`, ARRIVED_WITHIN_MS, 100, async () => {
    const { count } = await consumer.call('arrivals', undefined);
    if (now() - told > 15_000) {
      rig.log(`${count} of ${tenants.length} arrived, worker ${memory.peak?.toFixed(0)} MiB`);
      told = now();
    }
    return count >= tenants.length;
  });
  const { lastAt } = await consumer.call('arrivals', undefined);
  await untilSettled(rig);
  const peak = memory.stop();
  const seconds = rounded((lastAt - began) / 1_000, 1);
  rig.log(`${tenants.length} cold tenants: ${seconds} s`);
  return { seconds, workerMb: peak === null ? null : rounded(peak) };
}

/** Half of the floor, to be measured before and after the tenants: Temporal's store grows with both. */
export async function halfOfFloor(rig: TenantsRig, half: 0 | 1, tenants: number): Promise<number> {
  const first = Math.floor(tenants / 2);
  return half === 0 ? bareCold(rig, 0, first) : bareCold(rig, first, tenants - first);
}
