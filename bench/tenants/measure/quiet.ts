import { rounded } from '../../harness/statistics';
import { tenantNames } from '../../harness/tenants';
import { attach, untilSettled, vacuum } from '../harness/attached';
import { Backlog } from '../harness/backlog';
import { openLoop } from '../harness/open-loop';
import type { Latency } from '../harness/open-loop';
import type { TenantsRig } from '../harness/rig';
import { inTurn } from '../harness/schedule';

export interface Beside extends Latency {
  /** The backlog's published events per second while the quiet ones had theirs, of its rate without them. */
  readonly backlogShare: number;
  /** Without them, per second. */
  readonly backlogAlone: number;
}

export interface Quiet {
  readonly alone: Latency;
  /** The worse of the two below in each figure. */
  readonly beside: Pick<Beside, 'p50' | 'p99' | 'backlogShare'>;
  readonly besideSameTopic: Beside;
  readonly besideOtherTopic: Beside;
}

const TENANTS = 50;
/** One event a second of each. */
const PER_SECOND = TENANTS;
const LEAD_IN_SECONDS = 3;
const ENDLESS = 600;

/** Fifty tenants with an event a second each, all attached: alone, and beside one that drains a large backlog. */
export async function measureQuiet(rig: TenantsRig): Promise<Quiet> {
  const tenants = tenantNames(rig.servers, 'quiet', TENANTS);
  const [busy = ''] = tenantNames(rig.servers, 'busy', 1);
  const all = [...tenants, busy];
  await rig.servers.installation.addTenants(all);
  await attach(rig, all);
  await vacuum(rig);
  const load = (label: string, seconds: number, until?: AbortSignal): Promise<Latency> => {
    const schedule = inTurn({ tenants, perSecond: PER_SECOND, rounds: seconds });
    return openLoop(rig, { label, schedule, ...(until !== undefined && { until }) });
  };
  await load('before quiet', LEAD_IN_SECONDS);
  const alone = await load('quiet alone', rig.options.sizes.quietSeconds);

  const beside = async (where: string, topic: string): Promise<Beside> => {
    const { backlog } = rig.options.sizes;
    const without = await (await Backlog.store(rig, busy, topic, backlog)).drain();
    await untilSettled(rig);
    const stored = await Backlog.store(rig, busy, topic, backlog);
    await load(`before a backlog on ${where} topic`, LEAD_IN_SECONDS);
    const over = new AbortController();
    const draining = stored.drain().finally(() => over.abort());
    const [latency, rate] = await Promise.all([load(`beside ${where} topic`, ENDLESS, over.signal), draining]);
    rig.log(`backlog on ${where} topic: ${rate.toFixed(0)}/s beside quiet ones, ${without.toFixed(0)}/s alone`);
    return { ...latency, backlogShare: rounded(rate / without, 3), backlogAlone: rounded(without) };
  };
  const other = await beside('another', rig.base.topics.unread);
  const same = await beside('the same', rig.base.topics.timed);
  await untilSettled(rig);
  await rig.base.balanced(all, rig.log, { drained: true });
  return { alone, beside: worse(same, other), besideSameTopic: same, besideOtherTopic: other };
}

export function worse(one: Beside, another: Beside): Quiet['beside'] {
  return {
    p50: Math.max(one.p50, another.p50),
    p99: Math.max(one.p99, another.p99),
    backlogShare: Math.min(one.backlogShare, another.backlogShare),
  };
}
