import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import type { Service } from '../../faults/harness/service-process';
import { sweep } from '../../src/postgres/sweep';
import { now, poll } from '../harness/clock';
import { ResidentMemory } from '../harness/resident';
import { median, rounded } from '../harness/statistics';
import { tenantNames, untilIdle } from '../harness/tenants';
import { giveOrders } from './orders';
import type { FairnessRig } from './rig';
import { Scraped } from './scraped';

export interface ManyTenants {
  readonly tenants: number;
  /** From the first commit to the last event at the consumer. */
  readonly publishedSeconds: number;
  /** Peak of the worker's resident memory, MiB. */
  readonly workerMb: number | null;
  readonly waiting: Waiting;
}

/** With an event pending for every tenant, half of them paused and the other half with an open breaker. */
interface Waiting {
  readonly pausedAndOpenedSeconds: number;
  readonly watchedSeconds: number;
  /** Wakes by the sweep in that time, and what one look of it takes, ms. */
  readonly sweepWakes: number;
  readonly sweepMs: number;
}

const CONNECTIONS = 8;
const PUBLISHED_WITHIN_MS = 15 * 60_000;
const ROWS_WITHIN_MS = 5 * 60_000;

/** As many tenants as given, an event each, and none of their publishers has ever run. */
export async function measureMany(
  rig: FairnessRig,
  options: { readonly many: number; readonly watchSeconds: number },
  log: (line: string) => void,
): Promise<ManyTenants> {
  const tenants = tenantNames(rig.servers, 'many', options.many);
  await rig.servers.installation.addTenants(tenants);
  const pool = new Pool({ connectionString: rig.servers.databaseUrl, max: CONNECTIONS, application_name: 'bench' });
  pool.on('error', (error) => log(error.message));
  const worker = await rig.worker();
  const memory = new ResidentMemory(worker.child.pid);
  try {
    log(`${options.many} tenants, one event each`);
    await rig.consumer.call('reset', undefined);
    const began = now();
    await enqueueOneEach(rig, pool, tenants);
    log(`stored after ${((now() - began) / 1_000).toFixed(1)} s`);
    let told = began;
    await poll('all published', PUBLISHED_WITHIN_MS, 250, async () => {
      const { count } = await rig.consumer.call('arrivals', undefined);
      if (now() - told > 15_000) {
        told = now();
        log(`${count} arrived, ${memory.peak?.toFixed(0)} MiB`);
      }
      return count >= options.many;
    });
    const { count, lastAt } = await rig.consumer.call('arrivals', undefined);
    if (count !== options.many) throw new Error(`${count} events arrived, ${options.many} were sent`);
    const publishedSeconds = rounded((lastAt - began) / 1_000, 1);
    log(`published after ${publishedSeconds} s`);
    await untilIdle(rig.servers, tenants);
    await rig.balanced(tenants, log, { drained: true });
    const waiting = await measureWaiting(rig, { pool, tenants, worker, log, seconds: options.watchSeconds });
    await rig.balanced(tenants, log, { drained: false });
    return { tenants: options.many, publishedSeconds, workerMb: memory.peak, waiting };
  } finally {
    memory.stop();
    await worker.child.stop();
    await pool.end();
  }
}

async function measureWaiting(
  rig: FairnessRig,
  bench: {
    readonly pool: Pool;
    readonly tenants: readonly string[];
    readonly worker: Service;
    readonly log: (line: string) => void;
    readonly seconds: number;
  },
): Promise<Waiting> {
  const { pool, tenants, worker, log, seconds } = bench;
  const began = now();
  // One half each, by the same updates as the admin API's.
  await giveOrders(rig, tenants, (index) => (index % 2 === 0 ? 'pause' : 'openBreaker'));
  const pausedAndOpenedSeconds = rounded((now() - began) / 1_000, 1);
  log(`paused or opened after ${pausedAndOpenedSeconds} s`);
  await enqueueOneEach(rig, pool, tenants);
  // A workflow answers an order before it has written its row.
  await poll('rows of the publishers paused or open', ROWS_WITHIN_MS, 500, async () => {
    const { rows } = await pool.query<{ n: number }>(
      `select count(*)::int as n from outbox.publishers p
       where state in ('paused', 'open') and tenant_id = any ($1::text[])
         and exists (select from outbox.events e where e.tenant_id = p.tenant_id and e.status = 'pending')`,
      [tenants],
    );
    return rows[0]?.n === tenants.length;
  });
  const before = new Scraped(worker.adminUrl);
  await before.look();
  const looks: number[] = [];
  for (let second = 0; second < seconds; second += 1) {
    await delay(1_000);
    const at = now();
    const found = await sweep(pool, 100);
    looks.push(now() - at);
    // What this look marks, the worker's own sweep would have woken.
    if (found.length > 0) throw new Error(`the sweep found ${found.length} publishers`);
  }
  const after = new Scraped(worker.adminUrl);
  await after.look();
  const wakes = (one: Scraped): number => one.sum('outbox_wakes_total', 'source="sweep"');
  return {
    pausedAndOpenedSeconds,
    watchedSeconds: seconds,
    sweepWakes: wakes(after) - wakes(before),
    sweepMs: rounded(median(looks), 1),
  };
}

async function enqueueOneEach(rig: FairnessRig, pool: Pool, tenants: readonly string[]): Promise<void> {
  const waiting = [...tenants];
  const storeNext = async (): Promise<void> => {
    for (let tenant = waiting.pop(); tenant !== undefined; tenant = waiting.pop()) {
      await pool.query(`select outbox.enqueue(tenant => $1, topic => $2, type => 'one', payload => '{"n":1}'::jsonb)`, [
        tenant,
        rig.topics.counted,
      ]);
      rig.account.accepted(tenant, 1);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, storeNext));
}
