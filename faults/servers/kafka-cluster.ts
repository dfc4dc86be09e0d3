import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startStack } from '../../src/stack';
import type { Stack } from '../../src/stack';
import { cacheFolder, packageRoot } from '../../src/stack/locations';
import { choosePort } from '../../src/stack/ports';
import { readState, writeState } from '../../src/stack/state';
import { temporaryFolder } from './fault-stack';

/** Three brokers that are also the controllers, as small production clusters are run. */
export interface KafkaCluster {
  readonly addresses: string;
  readonly nodes: readonly Stack[];
  stop(): Promise<void>;
}

const NODES = [1, 2, 3] as const;

/** Every topic has three replicas and takes writes while two are in sync, also the ones that Kafka keeps for itself. */
const REPLICATED: Readonly<Record<string, string>> = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
  // A follower that was killed is out of the way sooner than after the default 30 s.
  'replica.lag.time.max.ms': '5000',
  'controller.quorum.election.timeout.ms': '1000',
  'controller.quorum.fetch.timeout.ms': '2000',
};

/**
 * Starts three brokers, each with a guard of its own so that none outlives this process. They share a cluster id, which the
 * stack reads from its state file: written beforehand. `settings`: the brokers', beside those of all clusters.
 */
export async function startKafkaCluster(settings: Readonly<Record<string, string>> = {}): Promise<KafkaCluster> {
  const taken = new Set<number>();
  const free = async (): Promise<number> => {
    const port = await choosePort('', {}, undefined, taken);
    taken.add(port);
    return port;
  };
  const ports: { broker: number; controller: number }[] = [];
  while (ports.length < NODES.length) ports.push({ broker: await free(), controller: await free() });
  const voters = NODES.map((id, index) => `${id}@127.0.0.1:${ports[index]?.controller}`).join(',');
  const folders = NODES.map(() => temporaryFolder());
  const [first = ''] = folders;
  const state = readState(first);
  folders.forEach((folder) => writeState(folder, state));
  const started = await Promise.allSettled(
    NODES.map((id, index) =>
      startStack({
        dataDir: folders[index] ?? '',
        only: ['kafka'],
        env: {
          PATH: process.env['PATH'],
          HOME: process.env['HOME'],
          JAVA_HOME: process.env['JAVA_HOME'],
          OUTBOX_CACHE_DIR: cacheFolder(join(packageRoot(), '.data'), process.env),
          OUTBOX_STACK_KAFKA_PORT: String(ports[index]?.broker),
          OUTBOX_STACK_KAFKA_CONTROLLER_PORT: String(ports[index]?.controller),
        },
        kafkaOverrides: { ...REPLICATED, ...settings, 'node.id': String(id), 'controller.quorum.voters': voters },
      }),
    ),
  );
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { addresses: nodes.map((node) => node.kafkaBrokers).join(','), nodes, stop };
}
