import { rounded } from '../../harness/statistics';
import { tenantNames, untilAsleep } from '../../harness/tenants';
import { openLoop } from '../harness/open-loop';
import type { Latency } from '../harness/open-loop';
import type { TenantsRig } from '../harness/rig';
import { inTurn } from '../harness/schedule';
import { Usage } from '../harness/usage';
import type { Cores } from '../harness/usage';

/** Every event wakes a publisher that sleeps. */
export interface Asleep extends Latency {
  readonly tenants: number;
  readonly perSecond: number;
  readonly cores: Cores;
  readonly actionsPerEvent: number | null;
}

/** Long enough that the drain is over when it ends, short beside the time between two events of one tenant. */
const LINGER = '1s';
/** A fresh start of a workflow, which the first cycle is, takes longer than a wake. */
const PATIENCE_MS = 120_000;

/**
 * Wakes each of the tenants once at this rate; the cycle before it, of first starts, is not measured. The only part with a setting of its
 * own: with the default linger a tenant would be asleep five minutes after its event.
 */
export async function measureAsleep(rig: TenantsRig, perSecond: number): Promise<Asleep> {
  const tenants = tenantNames(rig.servers, 'sleeper', rig.options.sizes.sleepers);
  await rig.servers.installation.addTenants(tenants);
  const worker = await rig.worker({ OUTBOX_LINGER: LINGER });
  const cycle = (label: string): Promise<Latency> =>
    openLoop(rig, { label, schedule: inTurn({ tenants, perSecond, rounds: 1 }), patienceMs: PATIENCE_MS });
  await cycle('first starts');
  await untilAsleep(rig.servers, tenants);
  const usage = new Usage(rig);
  const latency = await cycle(`${tenants.length} asleep, ${perSecond}/s`);
  await untilAsleep(rig.servers, tenants);
  const { cores, actions } = await usage.end();
  await worker.child.stop();
  await rig.base.balanced(tenants, rig.log, { drained: true });
  return {
    tenants: tenants.length,
    perSecond,
    ...latency,
    cores,
    actionsPerEvent: actions === null ? null : rounded(actions / latency.events, 2),
  };
}
