import { loadConfig } from '../../src/config';
import { PARTITIONS } from '../harness/bench';
import type { Bench } from '../harness/bench';
import { now, poll } from '../harness/clock';
import { median } from '../harness/statistics';
import { untilIdle } from '../harness/tenants';
import { makeEvents } from '../load/events';
import { storeAtOnce } from '../load/store';

/** Events per second, ours and raw kafkajs'; medians over the pairs of one run. */
export interface DrainResult {
  readonly rate: number;
  readonly raw: number;
  readonly ratio: number;
}

/** One backlog, stored at once and drained. */
export interface Round {
  readonly tenants: readonly string[];
  readonly count: number;
  /** Unique in the run: dedupe keys start with it. */
  readonly name: string;
  /** Bytes of each payload; 300 unless given. */
  readonly payloadBytes?: number;
}

/** What a round of ours needs. */
export interface DrainBench extends Pick<Bench, 'servers' | 'consumer' | 'countedTopic'> {
  readonly options: Pick<Bench['options'], 'seed'>;
}

const ROUND_MS = 120_000;
/** So long after the last expected event another one would have arrived. */
const QUIET_MS = 200;

/** Pairs of raw and ours, taking turns, so that what slows the machine for a while slows both. */
export async function measureDrain(bench: Bench, tenants: readonly string[]): Promise<DrainResult> {
  const { sizes } = bench.options;
  const pairs: { ours: number; raw: number }[] = [];
  for (let pair = 1; pair <= sizes.drainPairs; pair += 1) {
    const round = { tenants, count: sizes.drainEvents, name: `${tenants.length}-${pair}` };
    const rates = { raw: await rawRound(bench, round), ours: await ourRound(bench, round) };
    bench.log(`drain, ${tenants.length} tenant(s): ours ${rates.ours.toFixed(0)}/s, raw ${rates.raw.toFixed(0)}/s`);
    pairs.push(rates);
  }
  return {
    rate: median(pairs.map((pair) => pair.ours)),
    raw: median(pairs.map((pair) => pair.raw)),
    ratio: median(pairs.map((pair) => pair.ours / pair.raw)),
  };
}

/** Both sides once, unmeasured: compiled code, open connections, a transactional id that the broker knows. */
export async function warmUp(bench: Bench, tenants: readonly string[]): Promise<void> {
  const count = bench.options.sizes.warmUpEvents;
  await rawRound(bench, { tenants, count, name: 'warm-up-raw' });
  await ourRound(bench, { tenants, count, name: 'warm-up' });
}

async function rawRound(bench: Bench, round: Round): Promise<number> {
  const topic = bench.countedTopic;
  await bench.raw.call('prepare', {
    seed: bench.options.seed,
    count: round.count,
    tenants: [...round.tenants],
    topic,
    round: round.name,
    partitions: PARTITIONS,
    transactionEvents: loadConfig({}).relays.batchEvents,
  });
  return measured(bench, round, () => bench.raw.call('send', { topic }, ROUND_MS));
}

/** Stores a backlog while its publishers sleep and drains it; events per second at the consumer. */
export async function ourRound(bench: DrainBench, round: Round): Promise<number> {
  const { servers, options, countedTopic } = bench;
  await untilIdle(servers, round.tenants);
  const events = makeEvents({ ...round, seed: options.seed, topic: countedTopic, round: round.name });
  const rate = await measured(bench, round, () => storeAtOnce(servers.databaseUrl, events));
  await untilIdle(servers, round.tenants);
  await mustBePublished(bench, round);
  return rate;
}

/** The outbox agrees with what the consumer counted: all published, each at a place of its own. */
async function mustBePublished(bench: DrainBench, round: Round): Promise<void> {
  const [row] = await bench.servers.installation.query<{ published: number; places: number }>(
    `select count(*)::int as published, count(distinct (topic_partition, topic_offset))::int as places
     from outbox.events where tenant_id = any ($1::text[]) and starts_with(dedupe_key, $2) and status = 'published'`,
    [round.tenants, `${round.name}-`],
  );
  if (row?.published === round.count && row.places === round.count) return;
  throw new Error(`${round.name}: ${row?.published} of ${round.count} events published, at ${row?.places} places`);
}

/** Events per second from the first to the last arrival at the consumer; rejects unless exactly all arrive. */
async function measured(bench: DrainBench, round: Round, send: () => Promise<void>): Promise<number> {
  const { consumer } = bench;
  await consumer.call('reset', undefined);
  await send();
  let arrivals = await consumer.call('arrivals', undefined);
  await poll(`${round.name}: ${round.count} events at the consumer`, ROUND_MS, 50, async () => {
    arrivals = await consumer.call('arrivals', undefined);
    return arrivals.count >= round.count && now() - arrivals.lastAt > QUIET_MS;
  });
  if (arrivals.count !== round.count) {
    throw new Error(`${round.name}: ${arrivals.count} events arrived, ${round.count} were sent`);
  }
  // Those that came with the first answer took no time of the interval that is measured.
  return ((arrivals.count - arrivals.firstCount) / (arrivals.lastAt - arrivals.firstAt)) * 1_000;
}
