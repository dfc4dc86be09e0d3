import { setTimeout as delay } from 'node:timers/promises';
import { rounded } from '../../harness/statistics';
import { attach, vacuum } from '../harness/attached';
import { openLoop } from '../harness/open-loop';
import type { Latency } from '../harness/open-loop';
import type { TenantsRig } from '../harness/rig';
import { lone, sparse } from '../harness/schedule';
import { Usage } from '../harness/usage';
import type { Cores } from '../harness/usage';

/** Events of attached tenants, so many per second in all. */
export interface Sparse extends Latency {
  /** Events per second. */
  readonly rate: number;
  /** Of worker, Postgres and Kafka together; null on a machine whose servers are not this run's own. */
  readonly cores: number | null;
  readonly coresOf: Cores;
  readonly actionsPerEvent: number | null;
}

const PER_SECOND = 200;
const LEAD_IN_SECONDS = 2;
/** Between lone events: each is over before the next. */
const LONE_GAP_MS = [40, 80] as const;

/** The tenants together, attached. */
export async function measureSparse(rig: TenantsRig, tenants: readonly string[]): Promise<Sparse> {
  const name = tenants.length === 1 ? 'one tenant' : `${tenants.length} tenants`;
  const load = (label: string, seconds: number): Promise<Latency> =>
    openLoop(rig, { label, schedule: sparse(rig.random, { tenants, perSecond: PER_SECOND, seconds }) });
  await attach(rig, tenants);
  await vacuum(rig);
  await load(`before ${name}`, LEAD_IN_SECONDS);
  const usage = new Usage(rig);
  const latency = await load(`${name}, ${PER_SECOND}/s`, rig.options.sizes.sparseSeconds);
  const { cores, actions } = await usage.end();
  return {
    rate: PER_SECOND,
    ...latency,
    cores: cores.together,
    coresOf: cores,
    actionsPerEvent: actions === null ? null : rounded(actions / latency.events, 4),
  };
}

/** Single events of an attached tenant, none beside them. */
export async function measureLone(rig: TenantsRig, tenant: string): Promise<Latency> {
  await attach(rig, [tenant]);
  await vacuum(rig);
  const load = (label: string, count: number): Promise<Latency> =>
    openLoop(rig, { label, schedule: lone(rig.random, { tenant, count, gapMs: LONE_GAP_MS }) });
  await load('before lone events', 10);
  return load('lone events', rig.options.sizes.loneEvents);
}

export interface Idle {
  readonly tenants: number;
  readonly cores: number | null;
  readonly coresOf: Cores;
}

/** What it costs that so many tenants are attached while none has an event. */
export async function measureIdle(rig: TenantsRig, tenants: readonly string[]): Promise<Idle> {
  if (tenants.length > 0) await attach(rig, tenants);
  // What the events of the attaching left to do: vacuums, Temporal's queues.
  await delay(2_000);
  const usage = new Usage(rig);
  await delay(rig.options.sizes.idleSeconds * 1_000);
  const { cores } = await usage.end();
  rig.log(`${tenants.length} attached and idle: ${JSON.stringify(cores)} cores`);
  return { tenants: tenants.length, cores: cores.together, coresOf: cores };
}
