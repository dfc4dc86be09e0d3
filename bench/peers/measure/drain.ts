import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../../harness/clock';
import { median } from '../../harness/statistics';
import { makeEvents } from '../../load/events';
import type { Arrivals } from '../consumer/consumer';
import { CpuWatch } from '../harness/processes';
import type { Rig } from './rig';

export interface DrainFigures {
  /** Events per second from the first to the last arrival; median of the rounds. */
  readonly rate: number;
  /** Of all rounds together. */
  readonly cpuSecondsPer100k: number;
  /** The same of the servers, which work for the peer too. */
  readonly serverCpuSecondsPer100k: Readonly<Record<string, number>>;
  readonly rounds: readonly Round[];
}

export interface Round {
  readonly stored: number;
  readonly arrived: number;
  readonly rate: number;
  /** First to last arrival. */
  readonly seconds: number;
}

interface Measured extends Round {
  /** Events that the interval is about: without those of the first answer. */
  readonly counted: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: Readonly<Record<string, number>>;
}

/** No event came for so long: nothing more will. */
const QUIET_MS = 1_000;
/** So long may a peer take from the commit of a backlog to the first event. */
const FIRST_MS = 60_000;
const CPU_EVERY_MS = 50;

/** Drains backlogs of `events` events, as many times as `rounds` says and the cap allows. */
export async function measureDrain(
  rig: Rig,
  load: { readonly events: number; readonly payloadBytes: number; readonly rounds: number; readonly name: string },
): Promise<DrainFigures> {
  const capMs = rig.options.sizes.capSeconds * 1_000;
  const rounds: Measured[] = [];
  for (let index = 0, spent = 0; index < load.rounds && spent * 1_000 < capMs * 0.6; index += 1) {
    const round = await drainOnce(rig, { ...load, name: `${load.name}-${index}`, capMs: capMs - spent * 1_000 });
    rig.log(`${rig.name}: ${load.payloadBytes} bytes, ${round.arrived} of ${round.stored}, ${round.rate.toFixed(0)}/s`);
    rounds.push(round);
    spent += round.seconds;
    if (round.arrived < round.stored) {
      await rig.peer.clear();
      await rig.peer.start();
      break;
    }
  }
  const counted = rounds.reduce((sum, round) => sum + round.counted, 0);
  const per100k = (of: (round: Measured) => number): number =>
    (rounds.reduce((sum, round) => sum + of(round), 0) / counted) * 100_000;
  const servers = Object.keys(rounds[0]?.serverCpuSeconds ?? {});
  return {
    rate: median(rounds.map((round) => round.rate)),
    cpuSecondsPer100k: per100k((round) => round.cpuSeconds),
    serverCpuSecondsPer100k: Object.fromEntries(
      servers.map((server) => [server, per100k((round) => round.serverCpuSeconds[server] ?? 0)]),
    ),
    rounds: rounds.map(({ stored, arrived, rate, seconds }) => ({ stored, arrived, rate, seconds })),
  };
}

async function drainOnce(
  rig: Rig,
  load: { readonly events: number; readonly payloadBytes: number; readonly name: string; readonly capMs: number },
): Promise<Measured> {
  const { peer, consumer } = rig;
  await peer.idle();
  await consumer.call('reset', undefined);
  const events = makeEvents({
    seed: rig.options.seed,
    count: load.events,
    tenants: [rig.tenant],
    topic: rig.topics.counted,
    round: load.name,
    payloadBytes: load.payloadBytes,
  });
  const watches = new Map<string, CpuWatch>([['', new CpuWatch(peer.pids(), CPU_EVERY_MS)]]);
  for (const [server, pid] of Object.entries(rig.servers.pids())) {
    watches.set(server, new CpuWatch([pid], CPU_EVERY_MS));
  }
  try {
    await peer.backlog(events);
    const arrivals = await untilQuiet(rig, load.events, load.capMs);
    const until = now();
    for (const watch of watches.values()) watch.stop();
    const seconds = (arrivals.lastAt - arrivals.firstAt) / 1_000;
    const counted = arrivals.count - arrivals.firstCount;
    // A peer that failed says why.
    if (counted <= 0) await peer.idle();
    if (counted <= 0)
      throw new Error(`${rig.name}: ${arrivals.count} of ${load.events} events arrived, too few to time`);
    const used = (watch: CpuWatch): number => watch.between(arrivals.firstAt, until);
    return {
      stored: load.events,
      arrived: arrivals.count,
      counted,
      seconds,
      rate: counted / seconds,
      cpuSeconds: [...watches].filter(([name]) => name === '').reduce((sum, [, watch]) => sum + used(watch), 0),
      serverCpuSeconds: Object.fromEntries(
        [...watches].filter(([name]) => name !== '').map(([name, watch]) => [name, used(watch)]),
      ),
    };
  } finally {
    for (const watch of watches.values()) watch.stop();
  }
}

/** Until all have come and no more do, or the cap; what then has come is what is measured. */
export async function untilQuiet(rig: Rig, expected: number, capMs: number): Promise<Arrivals> {
  const asked = now();
  for (;;) {
    const arrivals = await rig.consumer.call('arrivals', undefined);
    const at = now();
    if (arrivals.count === 0 && at - asked > FIRST_MS) return arrivals;
    if (arrivals.count >= expected && at - arrivals.lastAt > QUIET_MS) return arrivals;
    if (arrivals.count > 0 && at - arrivals.firstAt > capMs) return arrivals;
    await delay(50);
  }
}
