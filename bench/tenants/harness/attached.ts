import { now, poll } from '../../harness/clock';
import { makeEvents } from '../../load/events';
import { storeAtOnce } from '../../load/store';
import type { TenantsRig } from './rig';

/** Ten thousand first wakes take minutes. */
const ATTACHED_WITHIN_MS = 20 * 60_000;
/** Well within the default OUTBOX_LINGER of five minutes. */
const TOUCH_EVERY_MS = 100_000;
const SETTLED_WITHIN_MS = 120_000;

/** Publishes an event of each tenant and resolves when all are attached, with everything published, for the next minutes. */
export async function attach(rig: TenantsRig, tenants: readonly string[]): Promise<void> {
  await touch(rig, tenants);
  let touched = now();
  let told = now();
  await poll(`${tenants.length} tenants attached`, ATTACHED_WITHIN_MS, 100, async () => {
    const attached = await attachedOf(rig, tenants);
    if (attached.length === tenants.length) return settled(rig);
    if (now() - touched > TOUCH_EVERY_MS) {
      await touch(rig, attached);
      touched = now();
    }
    if (now() - told > 10_000) {
      rig.log(`${attached.length} of ${tenants.length} attached`);
      told = now();
    }
    return false;
  });
}

/** One event of each, to the topic that nobody reads, in one transaction. */
async function touch(rig: TenantsRig, tenants: readonly string[]): Promise<void> {
  const { base, options } = rig;
  const round = rig.nextRound('touch');
  const events = makeEvents({
    seed: options.seed,
    count: tenants.length,
    tenants,
    topic: base.topics.unread,
    round,
  });
  await storeAtOnce(base.servers.databaseUrl, events);
  for (const tenant of tenants) base.account.accepted(tenant, 1);
}

async function attachedOf(rig: TenantsRig, tenants: readonly string[]): Promise<string[]> {
  const rows = await rig.rows<{ tenant: string }>(
    'select tenant_id as tenant from outbox.publishers where tenant_id = any ($1::text[]) and owner_relay is not null',
    [tenants],
  );
  return rows.map(({ tenant }) => tenant);
}

/** Resolves when nothing at all is pending. */
export async function untilSettled(rig: TenantsRig): Promise<void> {
  await poll('everything published', SETTLED_WITHIN_MS, 50, () => settled(rig));
}

async function settled(rig: TenantsRig): Promise<boolean> {
  // In the order of the pending index: without one Postgres reads the whole table for it once few are pending.
  const pending = await rig.rows(
    `select 1 from outbox.events where status = 'pending' order by tenant_id, destination, shard, lane, event_id limit 1`,
  );
  return pending.length === 0;
}

/** As autovacuum would within a minute: dead rows of the measurement before are nobody's latency. */
export async function vacuum(rig: TenantsRig): Promise<void> {
  await rig.rows('vacuum (analyze) outbox.events');
}
