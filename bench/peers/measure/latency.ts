import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../../harness/clock';
import { percentile } from '../../harness/statistics';
import type { Rig } from './rig';

/** ms from the moment that an event's commit was due until the consumer has it. */
export interface LatencyFigures {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly events: number;
  /** Events that had not arrived when the measurement ended; they count with the time that they had waited by then. */
  readonly outstanding: number;
  /** Names of the headers that a message was seen to carry. */
  readonly headers: readonly string[];
}

export const STEADY_PER_SECOND = 200;
/** The first seconds of the load are not counted: they are about how a peer gets going, which the drain leaves out too. */
const LEAD_IN_SECONDS = 2;
/** One event at a time, none beside it: not in step with anybody's polls, and each while the peer still waits for it. */
export const LONE_PER_SECOND = 9;
const LONE = { leadIn: 10, count: 110 };
const WAIT_MS = 20_000;

/** Open loops: of single events first, then of the steady load. */
export async function measureLatency(rig: Rig): Promise<{ lone: LatencyFigures; steady: LatencyFigures }> {
  const { options } = rig;
  await rig.peer.idle();
  // The drains before it left a backlog's dead rows to every peer that keeps a table, which autovacuum finds within a minute.
  await rig.servers.installation.query('vacuum (analyze)');
  const lone = await measure(rig, { ...LONE, from: 0, perSecond: LONE_PER_SECOND });
  const leadIn = STEADY_PER_SECOND * LEAD_IN_SECONDS;
  const count = leadIn + STEADY_PER_SECOND * options.seconds;
  const steady = await measure(rig, { leadIn, count, from: LONE.count, perSecond: STEADY_PER_SECOND });
  return { lone, steady };
}

interface Loop {
  readonly from: number;
  readonly count: number;
  /** How many of the first are not counted. */
  readonly leadIn: number;
  readonly perSecond: number;
}

async function measure(rig: Rig, { from, count, leadIn, perSecond }: Loop): Promise<LatencyFigures> {
  const { consumer, options } = rig;
  const load = { tenant: rig.tenant, topic: rig.topics.timed, from, count, perSecond, seed: options.seed };
  const began = now();
  await rig.peer.steady(load);
  const deadline = now() + Math.min(WAIT_MS, Math.max(0, 60_000 - (count * 1_000) / perSecond));
  const arrivedOf = async (): Promise<ReadonlyMap<number, number>> => {
    const all = await consumer.call('times', undefined);
    return new Map([...all].filter(([order]) => order >= from));
  };
  while ((await arrivedOf()).size < count && now() < deadline) await delay(100);
  const ended = now();
  const arrived = await arrivedOf();
  const times = Array.from(
    { length: count },
    (_, nth) => arrived.get(from + nth) ?? ended - began - (nth * 1_000) / perSecond,
  ).slice(leadIn);
  const figures = {
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    p99: percentile(times, 0.99),
    events: times.length,
    outstanding: count - arrived.size,
    headers: await consumer.call('headers', undefined),
  };
  const [p50, p95, p99] = [figures.p50, figures.p95, figures.p99].map((ms) => ms.toFixed(1));
  rig.log(`${rig.name}: ${perSecond} events/s: p50 ${p50} p95 ${p95} p99 ${p99} ms`);
  return figures;
}
