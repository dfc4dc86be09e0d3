import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import { startStack } from '../../../src/stack';
import type { Stack } from '../../../src/stack';
import { cacheFolder, packageRoot } from '../../../src/stack/locations';
import { choosePort } from '../../../src/stack/ports';
import { readState, writeState } from '../../../src/stack/state';
import { deleteTopic, findCoordinator, metadata } from './requests';
import type { PartitionState, Place } from './requests';
import { Link } from './wire';
import type { Node } from './wire';

/** Kafka's own defaults where the embedded broker shortens them: what is measured is what a production cluster does. */
const PROPERTIES: Readonly<Record<string, string>> = {
  'default.replication.factor': '3',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.num.partitions': '12',
  'broker.session.timeout.ms': '9000',
  'broker.heartbeat.interval.ms': '2000',
  'replica.lag.time.max.ms': '30000',
};

const BROKERS = [1, 2, 3] as const;
export type BrokerId = (typeof BROKERS)[number];

/** Three brokers that are also the controllers, each killed, frozen and started again alone. */
export class SpikeCluster {
  readonly #links = new Map<number, Link>();

  private constructor(
    private readonly stacks: readonly Stack[],
    private readonly folders: readonly string[],
    readonly nodes: readonly Node[],
    private readonly admin: Admin,
  ) {}

  /**
   * @param logReplicas of the coordinators' log. 3 with three brokers: each broker's loss also stops all coordinators until
   * the controller has taken it out of the sets in sync. 1: those of other brokers do not notice, as in a larger cluster.
   */
  static async start(logReplicas: 1 | 3): Promise<SpikeCluster> {
    const properties = {
      ...PROPERTIES,
      'transaction.state.log.replication.factor': String(logReplicas),
      'transaction.state.log.min.isr': logReplicas === 3 ? '2' : '1',
    };
    const taken = new Set<number>();
    const free = async (): Promise<number> => {
      const port = await choosePort('', {}, undefined, taken);
      taken.add(port);
      return port;
    };
    const nodes: Node[] = [];
    const controllers: number[] = [];
    for (const id of BROKERS) {
      nodes.push({ id, host: '127.0.0.1', port: await free() });
      controllers.push(await free());
    }
    const voters = BROKERS.map((id, index) => `${id}@127.0.0.1:${controllers[index]}`).join(',');
    const folders = BROKERS.map(() => mkdtempSync(join(tmpdir(), 'outbox-spike-')));
    const state = readState(folders[0] ?? '');
    const stacks = await Promise.all(
      nodes.map(({ id, port }, index) => {
        const dataDir = folders[index] ?? '';
        chmodSync(dataDir, 0o755);
        writeState(dataDir, state);
        return startStack({
          dataDir,
          only: ['kafka'],
          env: {
            PATH: process.env['PATH'],
            HOME: process.env['HOME'],
            JAVA_HOME: process.env['JAVA_HOME'],
            OUTBOX_CACHE_DIR: cacheFolder(join(packageRoot(), '.data'), process.env),
            OUTBOX_STACK_KAFKA_PORT: String(port),
            OUTBOX_STACK_KAFKA_CONTROLLER_PORT: String(controllers[index]),
          },
          kafkaOverrides: { ...properties, 'node.id': String(id), 'controller.quorum.voters': voters },
        });
      }),
    );
    const brokers = nodes.map(({ host, port }) => `${host}:${port}`);
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const cluster = new SpikeCluster(stacks, folders, nodes, admin);
    await cluster.#spreadCoordinators(logReplicas);
    return cluster;
  }

  async stop(): Promise<void> {
    for (const link of this.#links.values()) link.destroy();
    for (const { pids, kill } of this.stacks) if (pids.kafka !== undefined) kill('kafka', 'SIGCONT');
    await this.admin.disconnect().catch(() => undefined);
    await Promise.all(this.stacks.map((stack) => stack.stop()));
    for (const folder of this.folders) rmSync(folder, { recursive: true, force: true });
  }

  signal(id: BrokerId, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#stack(id).kill('kafka', signal);
  }

  async restart(id: BrokerId): Promise<void> {
    this.#links.get(id)?.destroy();
    await this.#stack(id).restart('kafka');
  }

  /** ms of processor time that this broker has used so far. */
  cpuMs(id: BrokerId): number {
    const pid = this.#stack(id).pids.kafka;
    if (pid === undefined) return 0;
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
  }

  /** A connection that is kept, for questions. */
  async link(id: number): Promise<Link> {
    const known = this.#links.get(id);
    if (known !== undefined && !known.isClosed) return known;
    const link = await this.open(id);
    this.#links.set(id, link);
    return link;
  }

  /** A connection of the caller's own. */
  open(id: number): Promise<Link> {
    const node = this.nodes.find((one) => one.id === id);
    if (node === undefined) return Promise.reject(new Error(`no broker ${id}`));
    return Link.open(node);
  }

  async createTopic(topic: string, replicas: readonly number[], minIsr = 1): Promise<Place> {
    await this.admin.createTopics({
      waitForLeaders: false,
      topics: [
        {
          topic,
          replicaAssignment: [{ partition: 0, replicas: [...replicas] }],
          configEntries: [{ name: 'min.insync.replicas', value: String(minIsr) }],
        },
      ],
    });
    const place = { topic, partition: 0 };
    const [leader = -1] = replicas;
    for (const { id } of this.nodes) {
      while ((await this.partition(place, id).catch(() => undefined))?.leader !== leader) await delay(20);
    }
    return place;
  }

  async deleteTopic(topic: string): Promise<void> {
    // kafkajs would first ask for its metadata, and not accept that it has no leader.
    const code = await deleteTopic(await this.link(1), topic);
    if (code !== 0) throw new Error(`DeleteTopics answered ${code}`);
  }

  /** What one broker's metadata says of a partition. */
  async partition({ topic, partition }: Place, askedOf: number): Promise<PartitionState | undefined> {
    const { partitions } = await metadata(await this.link(askedOf), [topic]);
    return partitions.find((one) => one.partition === partition);
  }

  /** A transactional id of this prefix whose coordinator is that broker. */
  async idCoordinatedBy(prefix: string, id: BrokerId): Promise<string> {
    const link = await this.link(id);
    for (let number = 0; ; number += 1) {
      const candidate = `${prefix}-${number}`;
      const { code, node } = await findCoordinator(link, candidate);
      if (code === 0 && node.id === id) return candidate;
      if (code !== 0) await delay(50);
    }
  }

  /** The first brokers that are up get all partitions of the coordinators' log; each is to lead its third, which one replica makes sure of. */
  async #spreadCoordinators(replicas: 1 | 3): Promise<void> {
    const topic = '__transaction_state';
    const link = await this.link(1);
    const move = async (many: 1 | 3): Promise<void> => {
      const partitions = (await metadata(link, [topic])).partitions.map(({ partition }) => partition);
      const wanted = (partition: number) => [0, 1, 2].slice(0, many).map((step) => ((partition + step) % 3) + 1);
      await this.admin.alterPartitionReassignments({
        topics: [
          {
            topic,
            partitionAssignment: partitions.map((partition) => ({ partition, replicas: wanted(partition) })),
          },
        ],
      });
      for (;;) {
        const now = (await metadata(link, [topic])).partitions;
        const done = now.every(
          ({ partition, leader, inSync, replicas: all }) =>
            leader === wanted(partition)[0] && inSync.length === many && all.length === many,
        );
        if (done) return;
        await delay(100);
      }
    };
    await move(1);
    if (replicas === 3) await move(3);
  }

  #stack(id: BrokerId): Stack {
    const stack = this.stacks[id - 1];
    if (stack === undefined) throw new Error(`no broker ${id}`);
    return stack;
  }
}

const TICKS = Number(execFileSync('getconf', ['CLK_TCK']).toString());
