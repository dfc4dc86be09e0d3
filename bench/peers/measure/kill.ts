import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../../harness/clock';
import { PAYLOAD_BYTES, makeEvents } from '../../load/events';
import type { Identified } from '../consumer/consumer';
import type { Rig } from './rig';

export interface KillFigures {
  readonly events: number;
  /** Events that had arrived when the signal was sent. */
  readonly arrivedBefore: number;
  /** Arrivals beyond the first of each event, at a read_committed consumer. */
  readonly duplicates: number;
  /** Events that had not arrived when the measurement ended, within its cap. */
  readonly outstanding: number;
  /** From the signal to the last arrival. */
  readonly recoverSeconds: number;
}

const KILL_AT = 0.3;
const QUIET_MS = 2_000;
/** Twice the cap of the other measures: Kafka Connect was seen to come back after 42 s, and once not within 60 s. */
const RECOVER_CAPS = 2;
/** For a slow peer: as many events as it would drain in so long. */
const DRAIN_SECONDS = 10;

/** Kills all processes of the peer with SIGKILL when it is through with about a third of a backlog, and starts it again. */
export async function measureKill(rig: Rig, drainRate: number): Promise<KillFigures> {
  const { peer, options } = rig;
  await peer.idle();
  await rig.consumer.call('reset', undefined);
  const count = Math.round(Math.min(options.sizes.killEvents, Math.max(500, drainRate * DRAIN_SECONDS)));
  await peer.backlog(
    makeEvents({
      seed: options.seed,
      count,
      tenants: [rig.tenant],
      topic: rig.topics.identified,
      round: 'kill',
      payloadBytes: PAYLOAD_BYTES,
    }),
  );
  const capMs = options.sizes.capSeconds * 1_000;
  const before = await until(rig, capMs, 5, ({ distinct }) => distinct >= count * KILL_AT);
  const killedAt = now();
  await peer.kill();
  await peer.restart();
  const after = await until(
    rig,
    RECOVER_CAPS * capMs,
    50,
    ({ distinct, lastAt }) => distinct >= count && now() - Math.max(lastAt, killedAt) > QUIET_MS,
  );
  const figures = {
    events: count,
    arrivedBefore: before.distinct,
    duplicates: after.total - after.distinct,
    outstanding: count - after.distinct,
    recoverSeconds: (after.lastAt - killedAt) / 1_000,
  };
  rig.log(
    `${rig.name}: killed after ${before.distinct} of ${count}: ${figures.duplicates} duplicates, ${figures.outstanding} outstanding`,
  );
  return figures;
}

async function until(
  rig: Rig,
  deadlineMs: number,
  everyMs: number,
  enough: (arrived: Identified) => boolean,
): Promise<Identified> {
  const deadline = now() + deadlineMs;
  for (;;) {
    const arrived = await rig.consumer.call('identified', undefined);
    if (enough(arrived) || now() > deadline) return arrived;
    await delay(everyMs);
  }
}
