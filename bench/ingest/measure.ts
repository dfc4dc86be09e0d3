import type { Bench } from '../harness/bench';
import { createTenant } from '../harness/product';
import type { RunningApi } from '../harness/product';
import { median } from '../harness/statistics';
import { makeEvents } from '../load/events';
import type { BenchEvent } from '../load/events';
import type { Load } from './load';

export interface IngestResult {
  /** Answers 202 per second of POST /v1/events, after the commit in Postgres. */
  readonly rate: number;
  /** Answers per second of an Express route that only parses the same body. */
  readonly empty: number;
  readonly ratio: number;
  /** Events per second through POST /v1/events/batch. */
  readonly batchRows: number;
}

const CONNECTIONS = 100;
const BATCH_CONNECTIONS = 4;
const BATCH_EVENTS = 1_000;
const WARM_UP_SECONDS = 1;

/** Load, server and Postgres are processes of their own in both cases. No worker runs: it would take the cores of both. */
export async function measureIngest(bench: Bench, api: RunningApi): Promise<IngestResult> {
  const { sizes, seed } = bench.options;
  const tenant = `${bench.servers.prefix}-ingest`;
  const key = await createTenant(api, tenant);
  const events = makeEvents({ seed, count: BATCH_EVENTS, tenants: [tenant], topic: bench.countedTopic, round: '' });
  const single = { key, body: bodyOf(events.slice(0, 1))[0] ?? '', connections: CONNECTIONS };
  const ours: Omit<Load, 'seconds'> = { ...single, url: `${api.url}/v1/events` };
  const theirs: Omit<Load, 'seconds'> = {
    ...single,
    url: `${await bench.emptyRoute.call('listen', undefined)}/v1/events`,
  };
  const batch = {
    key,
    url: `${api.url}/v1/events/batch`,
    body: `[${bodyOf(events).join(',')}]`,
    connections: BATCH_CONNECTIONS,
  };
  let accepted = 0;
  const post = async (target: Omit<Load, 'seconds'>, seconds: number): Promise<number> => {
    const { rate, answers } = await bench.load.call('post', { ...target, seconds });
    accepted += target === theirs ? 0 : answers * (target === batch ? BATCH_EVENTS : 1);
    return rate;
  };

  await post(theirs, WARM_UP_SECONDS);
  await post(ours, WARM_UP_SECONDS);
  const pairs: { ours: number; empty: number }[] = [];
  for (let pair = 0; pair < sizes.ingestPairs; pair += 1) {
    const rates = { empty: await post(theirs, sizes.windowSeconds), ours: await post(ours, sizes.windowSeconds) };
    bench.log(`ingest: ours ${rates.ours.toFixed(0)}/s, empty route ${rates.empty.toFixed(0)}/s`);
    pairs.push(rates);
  }
  const batchRate = await post(batch, sizes.windowSeconds);
  await mustBeStored(bench, tenant, accepted);
  return {
    rate: median(pairs.map((pair) => pair.ours)),
    empty: median(pairs.map((pair) => pair.empty)),
    ratio: median(pairs.map((pair) => pair.ours / pair.empty)),
    batchRows: batchRate * BATCH_EVENTS,
  };
}

/** Without dedupe keys: the same body is a new event each time. */
function bodyOf(events: readonly BenchEvent[]): string[] {
  return events.map(({ topic, type, key, payload }) => {
    const head = JSON.stringify({ topic, type, key });
    return `${head.slice(0, -1)},"payload":${payload.toString()}}`;
  });
}

/** An answer 202 means stored. Requests cut off at the end of a window may be stored without having been counted. */
async function mustBeStored(bench: Bench, tenant: string, accepted: number): Promise<void> {
  const [row] = await bench.servers.installation.query<{ stored: number }>(
    'select count(*)::int as stored from outbox.events where tenant_id = $1',
    [tenant],
  );
  if ((row?.stored ?? 0) < accepted) throw new Error(`${accepted} events were accepted, ${row?.stored} are stored`);
}
