import { setTimeout as delay } from 'node:timers/promises';
import type { Service } from '../../../faults/harness/service-process';
import { now, poll } from '../../harness/clock';
import { rounded } from '../../harness/statistics';
import { attach, untilSettled } from '../harness/attached';
import { openLoop } from '../harness/open-loop';
import type { TenantsRig } from '../harness/rig';
import { sparse } from '../harness/schedule';

export interface Recovery {
  /** From the kill until every event accepted by then was published. */
  readonly seconds: number;
  /** Publishers that were attached to the killed worker's relays. */
  readonly publishers: number;
  /** ms: events that came from the kill until then, and after it for a while; p99 is about as long as the recovery. */
  readonly p99: number;
}

const PER_SECOND = 200;
const LEAD_IN_SECONDS = 5;
const AFTER_SECONDS = 5;
const ENDLESS_SECONDS = 300;
const RECOVERED_WITHIN_MS = 120_000;
const STARTED_WITHIN_MS = 60_000;

/** Kills the worker that leads the sweep with SIGKILL, under load, and starts another beside the one that is left; so many times. */
export async function measureRecovery(rig: TenantsRig, tenants: readonly string[]): Promise<Recovery[]> {
  // The first to run leads, and goes on leading until it ends: then the one that is left does.
  let leader = await rig.worker();
  await poll('a worker leads the sweep', STARTED_WITHIN_MS, 50, async () => (await leaders(rig)) > 0);
  const runs: Recovery[] = [];
  for (let kill = 1; kill <= rig.options.sizes.kills; kill += 1) {
    const other = await rig.worker();
    await poll('both workers hold a relay', STARTED_WITHIN_MS, 50, async () => (await holders(rig)).length === 2);
    await attach(rig, tenants);
    runs.push(await killUnderLoad(rig, tenants, { leader, label: `kill ${kill}` }));
    leader = other;
  }
  await leader.child.stop();
  return runs;
}

async function killUnderLoad(
  rig: TenantsRig,
  tenants: readonly string[],
  { leader, label }: { readonly leader: Service; readonly label: string },
): Promise<Recovery> {
  const accepted: string[] = [];
  const over = new AbortController();
  const schedule = (seconds: number) => sparse(rig.random, { tenants, perSecond: PER_SECOND, seconds });
  const load = openLoop(rig, {
    label: `${label}, all`,
    schedule: schedule(ENDLESS_SECONDS),
    until: over.signal,
    committed: (eventId) => void accepted.push(eventId),
    patienceMs: RECOVERED_WITHIN_MS,
  });
  load.catch(() => undefined);
  await delay(LEAD_IN_SECONDS * 1_000);
  const { pid } = leader.child;
  const publishers = await publishersOf(rig, pid);
  leader.child.signal('SIGKILL');
  const killed = now();
  const before = [...accepted];
  await leader.child.ended;
  await poll('what was accepted before the kill is published', RECOVERED_WITHIN_MS, 20, async () => {
    const left = await rig.rows(
      `select 1 from outbox.events where event_id = any ($1::bigint[]) and status <> 'published' limit 1`,
      [before],
    );
    return left.length === 0;
  });
  const seconds = rounded((now() - killed) / 1_000, 2);
  rig.log(`${label}: recovered after ${seconds} s, ${publishers} publishers were the killed worker's`);
  await delay(AFTER_SECONDS * 1_000);
  over.abort();
  const { p99 } = await load;
  await untilSettled(rig);
  await rig.base.balanced(tenants, rig.log, { drained: true });
  return { seconds, publishers, p99 };
}

/** Sessions that hold the lock of the sweep: one, or none for a moment. */
async function leaders(rig: TenantsRig): Promise<number> {
  const rows = await rig.rows(
    `select 1 from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and a.application_name = 'temporal-outbox sweep' and a.datname = current_database()`,
  );
  return rows.length;
}

/** Who holds relays now. The identity of a worker has its process id in the middle. */
async function holders(rig: TenantsRig): Promise<string[]> {
  const rows = await rig.rows<{ holder: string }>(
    'select distinct holder from outbox.relays where holder is not null and lease_until > clock_timestamp()',
  );
  return rows.map(({ holder }) => holder);
}

async function publishersOf(rig: TenantsRig, pid: number): Promise<number> {
  const [row] = await rig.rows<{ count: number }>(
    `select count(*)::int as count from outbox.publishers p join outbox.relays r on r.relay = p.owner_relay
     where split_part(r.holder, ':', 2) = $1`,
    [String(pid)],
  );
  return row?.count ?? 0;
}
