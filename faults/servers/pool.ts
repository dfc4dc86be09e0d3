import { join } from 'node:path';
import type { ServerName } from '../../src/stack';
import { SERVER_NAMES } from '../../src/stack/guard-protocol';
import type { Addresses } from '../harness/service-process';
import type { RigOptions } from '../harness/rig';
import { startFaultStack, temporaryFolder } from './fault-stack';
import type { FaultStack } from './fault-stack';
import { startKafkaCluster } from './kafka-cluster';
import type { KafkaCluster } from './kafka-cluster';
import { SmallDisk, smallDiskObstacle } from './small-disk';

/**
 * usual       one stack of all three servers, shared by all scenarios that need nothing else
 * cluster     three brokers, three replicas
 * forgetful   a broker that forgets producers, transactional ids and offsets as soon as its settings allow
 * full-kafka, full-postgres   that server's data on a disk of limited size
 */
export const STACK_KINDS = ['usual', 'forgetful', 'cluster', 'full-kafka', 'full-postgres'] as const;
export type StackKind = (typeof STACK_KINDS)[number];

/** The servers of one scenario, which it may break. */
export interface RunServers {
  readonly addresses: Addresses;
  readonly proxiedKafka: RigOptions['proxiedKafka'];
  /** The stack that runs this server. */
  of(name: ServerName): FaultStack;
  readonly cluster: KafkaCluster | null;
  readonly disk: SmallDisk | null;
}

const FORGETFUL: Readonly<Record<string, string>> = {
  'transactional.id.expiration.ms': '3000',
  'transaction.remove.expired.transaction.cleanup.interval.ms': '1000',
  'producer.id.expiration.ms': '3000',
  'producer.id.expiration.check.interval.ms': '1000',
  // A minute is the shortest that Kafka knows.
  'offsets.retention.minutes': '1',
  'offsets.retention.check.interval.ms': '1000',
};

/** Why this machine cannot have these servers; null if it can. */
export function obstacleTo(kind: StackKind): string | null {
  return kind in DISK_MB ? smallDiskObstacle() : null;
}

/** Room for a fresh server and what a scenario writes. */
const DISK_MB = { 'full-kafka': 160, 'full-postgres': 220 } as const;

/** The usual stack for the whole run, and at most one other kind beside it. */
export class ServerPool {
  #other: { readonly kind: StackKind; readonly servers: RunServers; stop(): Promise<void> } | null = null;

  private constructor(
    private readonly usual: FaultStack,
    private readonly log: (line: string) => void,
  ) {}

  static async start(log: (line: string) => void): Promise<ServerPool> {
    log('starting Postgres, Kafka and Temporal');
    return new ServerPool(await startFaultStack(SERVER_NAMES), log);
  }

  async get(kind: StackKind): Promise<RunServers> {
    if (this.#other !== null && this.#other.kind !== kind) await this.#endOther();
    if (kind === 'usual') {
      await this.#healUsual();
      return this.#serversWith({});
    }
    if (this.#other === null) {
      this.log(`starting servers: ${kind}`);
      this.#other = await this.#start(kind);
    }
    return this.#other.servers;
  }

  async stop(): Promise<void> {
    await this.#endOther();
    await this.usual.stop();
  }

  async #start(
    kind: Exclude<StackKind, 'usual'>,
  ): Promise<{ kind: StackKind; servers: RunServers; stop(): Promise<void> }> {
    switch (kind) {
      case 'cluster': {
        const cluster = await startKafkaCluster();
        return { kind, servers: this.#serversWith({ cluster }), stop: () => cluster.stop() };
      }
      case 'forgetful': {
        const kafka = await startFaultStack(['kafka'], FORGETFUL);
        return { kind, servers: this.#serversWith({ stacks: { kafka } }), stop: () => kafka.stop() };
      }
      case 'full-kafka':
      case 'full-postgres': {
        const name = kind === 'full-kafka' ? 'kafka' : 'postgres';
        const folder = temporaryFolder();
        // Only that server's own folder: the stack's guard keeps its lock beside it, and must be able to write.
        const disk = SmallDisk.mount(join(folder, name), DISK_MB[kind]);
        const own = await startFaultStack([name], {}, folder).catch((error: unknown) => {
          disk.unmount();
          throw error;
        });
        const stop = async (): Promise<void> => {
          disk.free();
          await own.stack.stop();
          disk.unmount();
          await own.stop();
        };
        return { kind, servers: this.#serversWith({ stacks: { [name]: own }, disk }), stop };
      }
    }
  }

  #serversWith(other: {
    readonly stacks?: Partial<Record<ServerName, FaultStack>>;
    readonly cluster?: KafkaCluster;
    readonly disk?: SmallDisk;
  }): RunServers {
    const of = (name: ServerName): FaultStack => other.stacks?.[name] ?? this.usual;
    return {
      addresses: {
        databaseUrl: of('postgres').stack.databaseUrl,
        kafkaBrokers: other.cluster?.addresses ?? of('kafka').stack.kafkaBrokers,
        temporalAddress: of('temporal').stack.temporalAddress,
      },
      proxiedKafka: other.cluster === undefined ? of('kafka').proxiedKafka : undefined,
      of,
      cluster: other.cluster ?? null,
      disk: other.disk ?? null,
    };
  }

  /** A scenario that failed may have left a server frozen or dead; the next one must not pay for it. */
  async #healUsual(): Promise<void> {
    const { stack } = this.usual;
    for (const name of SERVER_NAMES) {
      if (stack.pids[name] === undefined) await stack.restart(name);
      else stack.kill(name, 'SIGCONT');
    }
  }

  async #endOther(): Promise<void> {
    const other = this.#other;
    this.#other = null;
    await other?.stop();
  }
}
