import { OutboxError } from '../../domain/errors';
import { AnswerError, CODE } from '../../sinks/kafka/answer-error';
import type { Connections } from '../../sinks/kafka/connections';
import { Deadline } from '../../sinks/kafka/deadline';

const TOPIC_RESOURCE = 2;
const REPLICAS = 3;
const DAY_MS = 86_400_000;
const CREATION_MS = 10_000;
const READ_CONFIGS = [
  'min.insync.replicas',
  'retention.ms',
  'retention.bytes',
  'cleanup.policy',
  'unclean.leader.election.enable',
  'max.message.bytes',
  'compression.type',
  'message.timestamp.type',
] as const;

export interface LedgerTopicOptions {
  /** Relays that there may ever be: each has a partition. */
  readonly partitions: number;
  /** Longer than the oldest backup that may be restored. Default 30 days. */
  readonly retentionMs?: number;
  /** One replica, for a single broker of a developer; without it three are made, two of which must have a record. */
  readonly singleBroker?: boolean;
  /** Adds partitions that it lacks. */
  readonly grows?: boolean;
}

export interface LedgerState {
  readonly topic: string;
  readonly partitions: number;
  /** Of the partition with the fewest. */
  readonly replicas: number;
  readonly minInSync: number;
  /** -1 = for ever. */
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
  /** What the protocol cannot live with, each with its remedy; empty = all is well. */
  readonly problems: readonly string[];
}

/**
 * Creates the topic unless it is there. Rejects with CONFIG_INVALID if it is not what the protocol needs: but for partitions that it lacks,
 * where `grows` allows it, it is never changed.
 */
export async function ensureLedger(
  connections: Connections,
  topic: string,
  options: LedgerTopicOptions,
  patienceMs: number,
): Promise<LedgerState> {
  const before = await ledgerState(connections, topic);
  if (before === null) await create(connections, topic, options);
  else if (options.grows === true && before.partitions < options.partitions)
    await addPartitions(connections, topic, options.partitions);
  const state = await new Deadline(patienceMs).retry(
    async () => {
      const now = await ledgerState(connections, topic, options);
      const least = options.grows === true ? options.partitions : 1;
      if (now === null || now.partitions < least) throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', topic);
      return now;
    },
    (error) => error instanceof AnswerError,
  );
  if (state.problems.length > 0)
    throw new OutboxError('CONFIG_INVALID', state.problems.join(' '), { details: { topic } });
  return state;
}

/** Null = the topic is missing. `wanted`: what it is compared with beside what always holds. */
export async function ledgerState(
  connections: Connections,
  topic: string,
  wanted?: LedgerTopicOptions,
): Promise<LedgerState | null> {
  const broker = await connections.any();
  const answer = await connections.ask(broker, 'Metadata', { topics: [topic], allowAutoTopicCreation: false });
  const found = answer.topicMetadata.find((one) => one.topic === topic);
  const code = found?.topicErrorCode ?? CODE.UNKNOWN_TOPIC_OR_PARTITION;
  if (found === undefined || code === CODE.UNKNOWN_TOPIC_OR_PARTITION) return null;
  if (code !== 0) throw new AnswerError(code, 'Metadata', topic);
  const { resources } = await connections.ask(broker, 'DescribeConfigs', {
    resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: READ_CONFIGS }],
    includeSynonyms: false,
  });
  const [resource] = resources;
  if (resource !== undefined && resource.errorCode !== 0)
    throw new AnswerError(resource.errorCode, 'DescribeConfigs', topic);
  const setting = (name: (typeof READ_CONFIGS)[number]): string =>
    resource?.configEntries.find(({ configName }) => configName === name)?.configValue ?? '';
  const state = {
    topic,
    partitions: found.partitionMetadata.length,
    replicas: Math.min(...found.partitionMetadata.map(({ replicas }) => replicas.length)),
    minInSync: Number(setting('min.insync.replicas')),
    retentionMs: Number(setting('retention.ms')),
    maxMessageBytes: Number(setting('max.message.bytes')),
  };
  return { ...state, problems: [...problemsOf(state, setting, wanted)] };
}

function* problemsOf(
  state: Omit<LedgerState, 'problems'>,
  setting: (name: (typeof READ_CONFIGS)[number]) => string,
  wanted: LedgerTopicOptions | undefined,
): Generator<string> {
  const of = `The ledger topic "${state.topic}"`;
  if (setting('cleanup.policy') !== 'delete') yield `${of} is compacted. Set cleanup.policy=delete.`;
  if (setting('retention.bytes') !== '-1') yield `${of} drops records by size. Set retention.bytes=-1.`;
  if (setting('unclean.leader.election.enable') === 'true')
    yield `${of} lets replicas lead that lack records. Set unclean.leader.election.enable=false.`;
  if (!['producer', 'uncompressed', 'gzip'].includes(setting('compression.type')))
    yield `${of} is compressed by the brokers. Set compression.type=producer.`;
  if (setting('message.timestamp.type') !== 'LogAppendTime')
    yield `${of} goes by the clocks of workers. Set message.timestamp.type=LogAppendTime.`;
  if (wanted === undefined) return;
  if (state.partitions < wanted.partitions)
    yield `${of} has ${state.partitions} partitions of ${wanted.partitions}. Run "migrate up", which adds them.`;
  const kept = wanted.retentionMs ?? 30 * DAY_MS;
  if (state.retentionMs !== -1 && state.retentionMs < kept)
    yield `${of} keeps records for ${state.retentionMs} ms. Set retention.ms to ${kept} or more.`;
  if (wanted.singleBroker !== true && (state.replicas < REPLICAS || state.minInSync < REPLICAS - 1))
    yield `${of} has ${state.replicas} replicas, ${state.minInSync} of which must have a record. Give it ${REPLICAS} and ${REPLICAS - 1}, or allow a single broker.`;
}

async function addPartitions(connections: Connections, topic: string, count: number): Promise<void> {
  const { controllerId } = await connections.ask(await connections.any(), 'Metadata', {
    topics: [topic],
    allowAutoTopicCreation: false,
  });
  const answer = await connections.ask(await connections.byNode(controllerId), 'CreatePartitions', {
    topicPartitions: [{ topic, count }],
    timeout: CREATION_MS,
    validateOnly: false,
  });
  const code = answer.topicErrors.find((error) => error.topic === topic)?.errorCode ?? 0;
  // Somebody else has added them meanwhile: the state is looked at next.
  if (code !== 0 && code !== INVALID_PARTITIONS) throw new AnswerError(code, 'CreatePartitions', topic);
}

async function create(connections: Connections, topic: string, options: LedgerTopicOptions): Promise<void> {
  const replicas = options.singleBroker === true ? 1 : REPLICAS;
  const configs = {
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    // Retention counts from a record's time: a worker with a wrong clock must not have its record dropped.
    'message.timestamp.type': 'LogAppendTime',
    'min.insync.replicas': String(Math.max(1, replicas - 1)),
    'retention.bytes': '-1',
    'retention.ms': String(options.retentionMs ?? 30 * DAY_MS),
    'unclean.leader.election.enable': 'false',
  };
  const { controllerId } = await connections.ask(await connections.any(), 'Metadata', {
    topics: [topic],
    allowAutoTopicCreation: false,
  });
  const answer = await connections.ask(await connections.byNode(controllerId), 'CreateTopics', {
    topics: [
      {
        topic,
        numPartitions: options.partitions,
        replicationFactor: replicas,
        configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
      },
    ],
    timeout: CREATION_MS,
    validateOnly: false,
  });
  const code = answer.topicErrors.find((error) => error.topic === topic)?.errorCode ?? 0;
  if (code === 0 || code === CODE.TOPIC_ALREADY_EXISTS) return;
  if (code === INVALID_REPLICATION_FACTOR) {
    throw new OutboxError(
      'CONFIG_INVALID',
      `The ledger topic "${topic}" needs ${replicas} brokers that are up. Start them, or allow a single broker.`,
    );
  }
  throw new AnswerError(code, 'CreateTopics', topic);
}

const INVALID_REPLICATION_FACTOR = 38;
const INVALID_PARTITIONS = 37;
