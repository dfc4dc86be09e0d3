import { join } from 'node:path';
import { PARTITIONS } from '../harness/bench';
import type { Closing } from '../harness/closing';
import { Helper } from '../harness/helper';
import { createTopics } from '../harness/kafka';
import type { BenchServers } from '../harness/servers';
import { PAYLOAD_BYTES } from '../load/events';
import type { PeersConsumerCalls } from './consumer/consumer';
import { peakMemoryMb } from './harness/processes';
import { measureDrain } from './measure/drain';
import type { DrainFigures } from './measure/drain';
import { measureKill } from './measure/kill';
import type { KillFigures } from './measure/kill';
import { measureLatency } from './measure/latency';
import type { LatencyFigures } from './measure/latency';
import type { Rig } from './measure/rig';
import { warmUp } from './measure/warm-up';
import type { PeersOptions } from './options';
import type { PeerName } from './peer';
import { createPeer } from './registry';

/** Measured with other payload sizes too: what the project is held against. */
const WITH_OTHER_PAYLOADS: readonly PeerName[] = ['temporal-outbox', 'debezium-tuned', 'raw-kafkajs'];

/** Everything that was measured of one peer. */
export interface PeerFigures {
  readonly about: string;
  readonly drain: DrainFigures;
  /** Events per second by payload bytes, of the other sizes. */
  readonly otherPayloads: Readonly<Record<string, number>>;
  /** At the steady load, and of single events. */
  readonly latency: LatencyFigures;
  readonly lone: LatencyFigures;
  /** MiB, largest resident size up to the end of the drains of 300 bytes; null where the system does not tell. */
  readonly peakMb: number | null;
  readonly kill: KillFigures;
}

/** Measures one peer from a fresh start; what it starts is added to `closing`, which is to be closed before the next. */
export async function measurePeer(
  name: PeerName,
  options: PeersOptions,
  servers: BenchServers,
  closing: Closing,
  log: (line: string) => void,
): Promise<PeerFigures> {
  const topic = (kind: string): string => `${servers.prefix}-${name}-${kind}`;
  const topics = { counted: topic('counted'), timed: topic('timed'), identified: topic('identified') };
  await createTopics(servers, closing, Object.values(topics), PARTITIONS);
  const tenant = `${servers.prefix}-peer`;
  const consumer = new Helper<PeersConsumerCalls>('consumer', join(__dirname, 'consumer', 'consumer.js'));
  closing.add('consumer', () => consumer.stop());
  await consumer.call('connect', { brokers: servers.kafkaBrokers, group: topic('consumer'), ...topics });
  const peer = createPeer({ name, servers, tenant, log }, options.seed);
  closing.add(name, () => peer.stop());
  log(`${name}: starting`);
  await peer.start();
  return measureAll({ name, peer, options, servers, tenant, topics, consumer, log });
}

async function measureAll(rig: Rig): Promise<PeerFigures> {
  const { name, peer, options } = rig;
  const { sizes } = options;
  await warmUp(rig);
  const load = { payloadBytes: PAYLOAD_BYTES, rounds: sizes.drainRounds, name: 'drain' };
  const drain = await measureDrain(rig, { ...load, events: sizes.drainEvents });
  const peakMb = peakMemoryMb(peer.pids());
  const { lone, steady: latency } = await measureLatency(rig);
  if (latency.outstanding > 0) {
    await peer.clear();
    await peer.start();
  }
  const otherPayloads: Record<string, number> = {};
  for (const size of WITH_OTHER_PAYLOADS.includes(name) ? sizes.otherPayloads : []) {
    const other = { payloadBytes: size.bytes, events: size.events, rounds: 1, name: `bytes-${size.bytes}` };
    otherPayloads[size.bytes] = (await measureDrain(rig, other)).rate;
  }
  const kill = await measureKill(rig, drain.rate);
  return { about: peer.about, drain, otherPayloads, latency, lone, peakMb, kill };
}
