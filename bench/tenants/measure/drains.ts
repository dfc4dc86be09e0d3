import { join } from 'node:path';
import type { Arrivals, ConsumerCalls } from '../../consumer/consumer';
import { now, poll } from '../../harness/clock';
import { Helper } from '../../harness/helper';
import { createTopics } from '../../harness/kafka';
import { median, rounded } from '../../harness/statistics';
import { makeEvents } from '../../load/events';
import { storeAtOnce } from '../../load/store';
import { attach, untilSettled } from '../harness/attached';
import type { TenantsRig } from '../harness/rig';
import { Usage } from '../harness/usage';

/** Of one number of tenants; medians over the rounds. */
export interface Drain {
  /** Events per second at the consumer. */
  readonly rate: number;
  /** Of the rate of one tenant in the same round. */
  readonly ratio: number;
  /** Of each process, per 100,000 events. */
  readonly cpuSecondsPer100k: Readonly<Record<string, number>>;
}

interface Round {
  readonly rate: number;
  readonly cpuSecondsPer100k: Readonly<Record<string, number>>;
}

/** One way to drain: how many tenants, to which topics, and who counts the arrivals. */
interface Turn {
  readonly name: string;
  readonly tenants: readonly string[];
  readonly topicOf: (index: number) => string;
  readonly consumer: Helper<ConsumerCalls>;
}

const ROUND_MS = 300_000;
/** So long after the last expected event another one would have arrived. */
const QUIET_MS = 200;

/**
 * Drains the same number of events for each of `counts` tenants (of which the first must be 1), taking turns in each round, so that what
 * slows the machine for a while slows all. All tenants are attached, the others idle.
 */
export async function measureDrains(
  rig: TenantsRig,
  tenants: readonly string[],
  counts: readonly number[],
  options: { readonly ownTopics: number },
): Promise<Record<string, Drain>> {
  const { base } = rig;
  const turns: Turn[] = counts.map((count) => ({
    name: String(count),
    tenants: tenants.slice(0, count),
    topicOf: () => base.topics.counted,
    consumer: base.consumer,
  }));
  const own = options.ownTopics === 0 ? null : await ownTopics(rig, tenants.slice(0, options.ownTopics));
  if (own !== null) turns.push(own);
  const rounds = new Map<string, Round[]>(turns.map(({ name }) => [name, []]));
  const { drainEvents, drainRounds } = rig.options.sizes;
  for (const turn of turns) await drainOnce(rig, turn, Math.ceil(drainEvents / 4));
  for (let round = 1; round <= drainRounds; round += 1) {
    for (const turn of turns) {
      await attach(rig, tenants);
      const figures = await drainOnce(rig, turn, drainEvents);
      rig.log(`drain of ${turn.name}: ${figures.rate.toFixed(0)}/s`);
      rounds.get(turn.name)?.push(figures);
    }
  }
  await own?.consumer.stop();
  const ones = rounds.get('1') ?? [];
  return Object.fromEntries([...rounds].map(([name, all]) => [name, drainOf(all, ones)]));
}

/** Medians, and the ratio to the rounds of one tenant that were drained beside. */
export function drainOf(rounds: readonly Round[], ones: readonly Round[]): Drain {
  const processes = Object.keys(rounds[0]?.cpuSecondsPer100k ?? {});
  return {
    rate: rounded(median(rounds.map(({ rate }) => rate))),
    ratio: rounded(median(rounds.map(({ rate }, index) => rate / (ones[index]?.rate ?? NaN))), 3),
    cpuSecondsPer100k: Object.fromEntries(
      processes.map((name) => [name, rounded(median(rounds.map((round) => round.cpuSecondsPer100k[name] ?? 0)), 2)]),
    ),
  };
}

async function drainOnce(rig: TenantsRig, { name, tenants, topicOf, consumer }: Turn, count: number): Promise<Round> {
  const { base, options } = rig;
  await untilSettled(rig);
  await consumer.call('reset', undefined);
  const round = rig.nextRound(`drain-${name}`);
  const events = makeEvents({ seed: options.seed, count, tenants, topic: '', round });
  await storeAtOnce(
    base.servers.databaseUrl,
    events.map((event, index) => ({ ...event, topic: topicOf(index % tenants.length) })),
  );
  const usage = new Usage(rig);
  for (const { tenant } of events) base.account.accepted(tenant, 1);
  let arrivals = await consumer.call('arrivals', undefined);
  await poll(`${round}: ${count} events at the consumer`, ROUND_MS, 50, async () => {
    arrivals = await consumer.call('arrivals', undefined);
    return arrivals.count >= count && now() - arrivals.lastAt > QUIET_MS;
  });
  await untilSettled(rig);
  const { cpuSeconds } = await usage.end();
  if (arrivals.count !== count) throw new Error(`${round}: ${arrivals.count} events arrived, ${count} were sent`);
  const per100k = (seconds: number): number => (seconds / count) * 100_000;
  return {
    rate: rateOf(arrivals),
    cpuSecondsPer100k: Object.fromEntries(
      Object.entries(cpuSeconds).map(([process, seconds]) => [process, per100k(seconds)]),
    ),
  };
}

/** Per second from the first to the last arrival. Those of the first answer took no time of that. */
export function rateOf({ count, firstCount, firstAt, lastAt }: Arrivals): number {
  return ((count - firstCount) / (lastAt - firstAt)) * 1_000;
}

/** A topic for each tenant, of one partition: thousands of partitions on one broker would be measured otherwise. */
async function ownTopics(rig: TenantsRig, tenants: readonly string[]): Promise<Turn> {
  const { servers } = rig;
  const topics = tenants.map((_, index) => `${servers.prefix}-own-${index + 1}`);
  const none = `${servers.prefix}-own-none`;
  await createTopics(servers, rig.closing, [...topics, none], 1);
  const consumer = new Helper<ConsumerCalls>('own consumer', join(__dirname, '..', '..', 'consumer', 'consumer.js'));
  rig.closing.add('own consumer', () => consumer.stop());
  const [counted = '', ...more] = topics;
  const group = `${servers.prefix}-own`;
  await consumer.call('connect', { brokers: servers.kafkaBrokers, group, counted, timed: none, more });
  rig.log(`${topics.length} topics`);
  return { name: 'ownTopics', tenants, topicOf: (index) => topics[index] ?? counted, consumer };
}
