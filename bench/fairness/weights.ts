import { setTimeout as delay } from 'node:timers/promises';
import { median, rounded } from '../harness/statistics';
import { tenantNames } from '../harness/tenants';
import { giveOrders } from './orders';
import type { FairnessRig } from './rig';

export interface Weights {
  /** Events per second of each tenant. */
  readonly light: readonly number[];
  readonly heavy: readonly number[];
  /** Of the sums. */
  readonly ratio: number;
  readonly medianRatio: number;
}

const TENANTS_EACH = 6;
const WARM_UP_S = 5;

/** Twelve backlogged tenants of one relay, half of them with three times the weight: what each gets. */
export async function measureWeights(
  rig: FairnessRig,
  options: { readonly seconds: number; readonly backlog: number },
  log: (line: string) => void,
): Promise<Weights> {
  const light = tenantNames(rig.servers, 'light', TENANTS_EACH);
  const heavy = tenantNames(rig.servers, 'heavy', TENANTS_EACH);
  await rig.tenants(light, { weight: 1 });
  await rig.tenants(heavy, { weight: 3 });
  const all = light.flatMap((tenant, index) => [tenant, heavy[index] ?? tenant]);
  log(`storing ${all.length * options.backlog} events`);
  await rig.store(all, rig.topics.unread, options.backlog);
  const worker = await rig.worker();
  try {
    await rig.wake(all, rig.topics.unread);
    await delay(WARM_UP_S * 1_000);
    log('weights');
    const before = await settled(rig, all);
    await delay(options.seconds * 1_000);
    const after = await settled(rig, all);
    const rates = (names: readonly string[]): number[] =>
      names.map((name) => rounded(((after.get(name) ?? 0) - (before.get(name) ?? 0)) / options.seconds, 1));
    const [l, h] = [rates(light), rates(heavy)];
    log(`light ${l.join(' ')}; heavy ${h.join(' ')}`);
    for (const name of all) if (!(await rig.pending(name))) throw new Error(`${name} ran out of events: store more`);
    // Some 800,000 events are left, which the workers of the next parts would drain: 105.6/s were measured for a quota of 100 beside them.
    await giveOrders(rig, all, () => 'pause');
    await rig.balanced(all, log, { drained: false });
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    return { light: l, heavy: h, ratio: rounded(sum(h) / sum(l), 2), medianRatio: rounded(median(h) / median(l), 2) };
  } finally {
    await worker.child.stop();
  }
}

async function settled(rig: FairnessRig, tenants: readonly string[]): Promise<Map<string, number>> {
  const rows = await rig.servers.installation.query<{ tenant: string; n: number }>(
    `select tenant_id as tenant, sum(published)::float8 as n from outbox.relay_counts
     where tenant_id = any ($1::text[]) group by tenant_id`,
    [tenants],
  );
  return new Map(rows.map(({ tenant, n }) => [tenant, n]));
}
