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
const WAIT_MS = 20_000;

export async function measureLatency(rig: Rig): Promise<LatencyFigures> {
  const { consumer, options } = rig;
  await rig.peer.idle();
  const leadIn = STEADY_PER_SECOND * LEAD_IN_SECONDS;
  const count = leadIn + STEADY_PER_SECOND * options.seconds;
  const load = { tenant: rig.tenant, topic: rig.topics.timed, count, perSecond: STEADY_PER_SECOND, seed: options.seed };
  const began = now();
  await rig.peer.steady(load);
  const deadline = now() + Math.min(WAIT_MS, Math.max(0, 60_000 - options.seconds * 1_000));
  while ((await consumer.call('timed', undefined)) < count && now() < deadline) await delay(50);
  const ended = now();
  const arrived = await consumer.call('times', undefined);
  const times = Array.from(
    { length: count },
    (_, order) => arrived.get(order) ?? ended - began - (order * 1_000) / STEADY_PER_SECOND,
  ).slice(leadIn);
  const figures = {
    p50: percentile(times, 0.5),
    p95: percentile(times, 0.95),
    p99: percentile(times, 0.99),
    events: times.length,
    outstanding: count - arrived.size,
    headers: await consumer.call('headers', undefined),
  };
  rig.log(`${rig.name}: p50 ${figures.p50.toFixed(1)} p95 ${figures.p95.toFixed(1)} p99 ${figures.p99.toFixed(1)} ms`);
  return figures;
}
