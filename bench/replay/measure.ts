import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { requestReplay } from '../../src/postgres/replay-control';
import { replayStatus } from '../../src/postgres/replays';
import { PARTITIONS } from '../harness/bench';
import type { Closing } from '../harness/closing';
import { now, poll } from '../harness/clock';
import { createTopics } from '../harness/kafka';
import { Product } from '../harness/product';
import { ResidentMemory } from '../harness/resident';
import type { BenchServers } from '../harness/servers';
import { percentile } from '../harness/statistics';
import { tenantNames, untilIdle } from '../harness/tenants';
import { makeEvents } from '../load/events';
import { storeAtOnce } from '../load/store';

export interface ReplayFigures {
  readonly events: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Most copies waiting in the lane at any look: what bounds the memory of everything behind it. */
  readonly mostInLane: number;
  /** Peak of the worker's resident memory, MiB: before the replay (it drained the same events) and while it ran. */
  readonly memoryMb: { readonly drain: number | null; readonly replay: number | null };
  /** From the commit of a live event to its settlement while the replay ran, ms. */
  readonly liveMs: { readonly events: number; readonly p50: number; readonly p99: number };
}

const CHUNK = 20_000;
const LIVE_EVERY_MS = 100;

/** Publishes `events` events of one tenant, then replays them all while a live event comes every 100 ms. */
export async function measureReplay(
  servers: BenchServers,
  closing: Closing,
  { events, log }: { readonly events: number; readonly log: (line: string) => void },
): Promise<ReplayFigures> {
  const [tenant = ''] = tenantNames(servers, 'replay', 1);
  const topic = `${servers.prefix}-replay`;
  const product = new Product(servers, null);
  await Promise.all([product.migrate(), createTopics(servers, closing, [topic], PARTITIONS)]);
  await servers.installation.addTenants([tenant]);
  const worker = await product.worker();
  closing.add('worker', () => worker.stop());
  const pool = new Pool({ connectionString: servers.databaseUrl, max: 3 });
  closing.add('pool', () => pool.end());

  log(`publishing ${events} events`);
  const before = new ResidentMemory(worker.pid);
  for (let stored = 0; stored < events; stored += CHUNK) {
    const count = Math.min(CHUNK, events - stored);
    await storeAtOnce(
      servers.databaseUrl,
      makeEvents({ seed: 1, count, tenants: [tenant], topic, round: `r${stored}` }),
    );
  }
  await poll('all published', events / 2 + 60_000, 200, async () => (await published(pool, tenant)) === events);
  await untilIdle(servers, [tenant]);
  const drain = before.stop();

  log('replaying');
  const during = new ResidentMemory(worker.pid);
  const ref = { tenant, destination: 'kafka', shard: 0 };
  const began = now();
  await requestReplay(pool, ref, { replayId: 'bench', filter: { status: 'published' }, by: 'bench', why: 'bench' });
  let mostInLane = 0;
  let live = 0;
  let told = 0;
  for (;;) {
    const status = await replayStatus(pool, tenant, 'bench');
    mostInLane = Math.max(mostInLane, status?.pending ?? 0);
    if (status === null || status.state === 'done') break;
    if (now() - began > told) {
      log(`${status.published} of ${status.total}, ${status.pending} in the lane`);
      told += 10_000;
    }
    live += 1;
    const [event] = makeEvents({ seed: live, count: 1, tenants: [tenant], topic, round: `live-${live}` });
    if (event !== undefined) await storeAtOnce(servers.databaseUrl, [event]);
    await delay(LIVE_EVERY_MS);
  }
  const seconds = (now() - began) / 1_000;
  const replay = during.stop();
  await untilIdle(servers, [tenant]);
  await checkCopies(pool, tenant, events);
  const waits = await liveWaits(pool, tenant);
  return {
    ...{ events, seconds, perSecond: events / seconds, mostInLane },
    memoryMb: { drain, replay },
    liveMs: { events: waits.length, p50: percentile(waits, 0.5), p99: percentile(waits, 0.99) },
  };
}

/** Throws unless the replay says that it published exactly these events, and each has one published copy with a place of its own. */
export async function checkCopies(pool: Pool, tenant: string, events: number): Promise<void> {
  const status = await replayStatus(pool, tenant, 'bench');
  const { rows } = await pool.query<{ copies: number; events: number; places: number }>(
    `select count(*)::float8 as copies, count(distinct r.event_id)::float8 as events,
            count(distinct e.topic || '/' || r.topic_partition || '@' || r.topic_offset)::float8 as places
     from outbox.replay_events r left join outbox.events e using (tenant_id, event_id)
     where r.tenant_id = $1 and r.replay_id = 'bench' and r.status = 'published' and not starts_with(e.dedupe_key, 'live-')`,
    [tenant],
  );
  const found = { state: status?.state, total: status?.total, published: status?.published, ...rows[0] };
  const wanted = { state: 'done', total: events, published: events, copies: events, events, places: events };
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`the replay is not complete: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
  }
}

async function published(pool: Pool, tenant: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`,
    [tenant],
  );
  return rows[0]?.n ?? 0;
}

async function liveWaits(pool: Pool, tenant: string): Promise<number[]> {
  const { rows } = await pool.query<{ ms: number }>(
    `select (extract(epoch from published_at - created_at) * 1000)::float8 as ms from outbox.events
     where tenant_id = $1 and starts_with(dedupe_key, 'live-')`,
    [tenant],
  );
  return rows.map(({ ms }) => ms);
}
