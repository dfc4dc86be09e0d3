import { AnswerError, CODE } from './answer-error';
import type { Broker, Connections } from './connections';
import { Deadline } from './deadline';
import { asOutboxError } from './failures';
import type { KafkaSettings } from './options';

/** A topic that exists and may be written to. */
export interface HealthyTopic {
  readonly state: 'healthy';
  /** Node id of each partition's leader; -1 = none now. */
  readonly leaders: readonly number[];
  /** How many replicas of each partition are in sync, and how many must be for it to take records. */
  readonly inSync: readonly number[];
  readonly minInSync: number;
  /** The topic's max.message.bytes: the largest record batch that the broker takes. */
  readonly maxBatchBytes: number;
}

export type TopicInfo = HealthyTopic | { readonly state: 'missing' | 'forbidden'; readonly reason: string };

const HEALTHY_FOR_MS = 180_000;
/** Missing and forbidden topics are asked about again soon, so that one that healed is noticed. */
const SICK_FOR_MS = 3_000;
/** Bounds what tenants can fill memory with by naming topics that do not exist. */
const MOST_TOPICS = 20_000;
/** Kafka's defaults, assumed where we may not read a topic's configuration. */
const DEFAULT_LIMITS = { maxBatchBytes: 1_048_588, minInSync: 1 };
const MAX_BYTES = 'max.message.bytes';
const MIN_IN_SYNC = 'min.insync.replicas';
const TOPIC_RESOURCE = 2;
/** A created topic shows up in every broker's metadata a little later. */
export const CREATION_MS = 5_000;

interface Entry {
  readonly info: TopicInfo;
  readonly at: number;
  readonly until: number;
}

/** What is known about topics, asked once and shared by all sessions of a sink. */
export class TopicDirectory {
  readonly #known = new Map<string, Entry>();
  readonly #asked = new Map<string, Promise<ReadonlyMap<string, TopicInfo>>>();

  constructor(
    private readonly settings: KafkaSettings,
    private readonly use: <T>(work: (connections: Connections) => Promise<T>) => Promise<T>,
  ) {}

  /** The topics' state, at most minutes old, or `maxAgeMs`. Rejects with KAFKA_* if Kafka does not answer, never by blaming a topic. */
  async lookUp(topics: readonly string[], maxAgeMs = Infinity): Promise<Map<string, TopicInfo>> {
    const now = Date.now();
    const found = new Map<string, TopicInfo>();
    const stale: string[] = [];
    for (const topic of topics) {
      const entry = this.#known.get(topic);
      if (entry !== undefined && entry.until > now && now - entry.at <= maxAgeMs) found.set(topic, entry.info);
      else stale.push(topic);
    }
    if (stale.length === 0) return found;
    const fresh = stale.filter((topic) => !this.#asked.has(topic));
    if (fresh.length > 0) {
      const asking = this.use((connections) => this.#ask(connections, fresh));
      for (const topic of fresh) this.#asked.set(topic, asking);
      const done = (): void => fresh.forEach((topic) => this.#asked.delete(topic));
      asking.then(done, done);
    }
    const answers = stale.map(async (topic) => (await this.#asked.get(topic))?.get(topic));
    for (const [i, info] of (await Promise.all(answers)).entries()) {
      if (info !== undefined) found.set(stale[i] ?? '', info);
    }
    return found;
  }

  /** Asks again at the next look: an answer contradicted what is known. */
  forget(topic: string): void {
    this.#known.delete(topic);
  }

  async #ask(connections: Connections, topics: readonly string[]): Promise<Map<string, TopicInfo>> {
    const broker = await connections.any();
    const found = await describe(connections, broker, topics);
    const absent = topics.filter((topic) => found.get(topic)?.state === 'missing');
    const { create } = this.settings.topics;
    if (create !== null) {
      const wanted = absent.filter((topic) => this.settings.topics.isAllowed(topic));
      for (const topic of wanted) {
        const reason = await createTopic(connections, topic, create.partitions, create.replicationFactor);
        if (reason === null) found.set(topic, await this.#awaitCreated(connections, broker, topic));
        else found.set(topic, { state: 'missing', reason });
      }
      if (wanted.length > 0) this.settings.logger.info({ topics: wanted }, 'topics created on demand');
    }
    if (this.#known.size > MOST_TOPICS) this.#known.clear();
    for (const [topic, info] of found) {
      const at = Date.now();
      this.#known.set(topic, { info, at, until: at + (info.state === 'healthy' ? HEALTHY_FOR_MS : SICK_FOR_MS) });
    }
    return found;
  }

  async #awaitCreated(connections: Connections, broker: Broker, topic: string): Promise<TopicInfo> {
    const deadline = new Deadline(CREATION_MS);
    return deadline.retry(
      async () => {
        const info = (await describe(connections, broker, [topic])).get(topic);
        if (info?.state === 'healthy' && !info.leaders.includes(-1)) return info;
        throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', topic);
      },
      () => true,
    );
  }
}

/** Creates a topic, or finds it created by another. Returns why that was refused, or null. Rejects if Kafka fails. */
export async function createTopic(
  connections: Connections,
  topic: string,
  partitions: number,
  replicationFactor: number | null,
): Promise<string | null> {
  const { controllerId } = await connections.ask(await connections.any(), 'Metadata', {
    topics: [topic],
    allowAutoTopicCreation: false,
  });
  const answer = await connections.ask(await connections.byNode(controllerId), 'CreateTopics', {
    topics: [{ topic, numPartitions: partitions, replicationFactor: replicationFactor ?? -1 }],
    timeout: CREATION_MS,
    validateOnly: false,
  });
  const code = answer.topicErrors.find((error) => error.topic === topic)?.errorCode ?? 0;
  if (code === 0 || code === CODE.TOPIC_ALREADY_EXISTS) return null;
  const error = new AnswerError(code, 'CreateTopics', topic);
  if (code === CODE.REQUEST_TIMED_OUT || code === CODE.NOT_CONTROLLER) throw error;
  return error.message;
}

/** Metadata and size limits of topics, without creating any. */
async function describe(
  connections: Connections,
  broker: Broker,
  topics: readonly string[],
): Promise<Map<string, TopicInfo>> {
  const { topicMetadata } = await connections.ask(broker, 'Metadata', { topics, allowAutoTopicCreation: false });
  const healthy = topicMetadata.filter(({ topicErrorCode }) => isThere(topicErrorCode)).map(({ topic }) => topic);
  const limits = healthy.length === 0 ? new Map<string, Limits>() : await limitsOf(connections, broker, healthy);
  const found = new Map<string, TopicInfo>();
  for (const { topic, topicErrorCode, partitionMetadata } of topicMetadata) {
    const error = new AnswerError(topicErrorCode, 'Metadata', topic);
    if (topicErrorCode === CODE.TOPIC_AUTHORIZATION_FAILED) {
      found.set(topic, { state: 'forbidden', reason: `${error.message}. Grant Write and Describe on the topic.` });
    } else if (topicErrorCode === CODE.UNKNOWN_TOPIC_OR_PARTITION || topicErrorCode === CODE.INVALID_TOPIC) {
      const remedy = 'Create the topic, or allow its creation on demand.';
      found.set(topic, { state: 'missing', reason: `The topic "${topic}" does not exist. ${remedy}` });
    } else if (!isThere(topicErrorCode)) {
      throw asOutboxError(error, { phase: 'prepare', doing: 'looking up topics' });
    } else {
      const leaders = new Array<number>(partitionMetadata.length).fill(-1);
      const inSync = new Array<number>(partitionMetadata.length).fill(0);
      for (const { partitionId, leader, isr } of partitionMetadata) {
        leaders[partitionId] = leader;
        inSync[partitionId] = isr.length;
      }
      found.set(topic, { state: 'healthy', leaders, inSync, ...DEFAULT_LIMITS, ...limits.get(topic) });
    }
  }
  return found;
}

/** LEADER_NOT_AVAILABLE for a whole topic means that it was just created. */
function isThere(code: number): boolean {
  return code === 0 || code === CODE.LEADER_NOT_AVAILABLE;
}

interface Limits {
  readonly maxBatchBytes?: number;
  readonly minInSync?: number;
}

async function limitsOf(
  connections: Connections,
  broker: Broker,
  topics: readonly string[],
): Promise<Map<string, Limits>> {
  const { resources } = await connections.ask(broker, 'DescribeConfigs', {
    resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [MAX_BYTES, MIN_IN_SYNC] })),
    includeSynonyms: false,
  });
  const limits = new Map<string, Limits>();
  for (const { errorCode, resourceName, configEntries } of resources) {
    // Without the right to read them the defaults are assumed; a smaller real limit shows as MESSAGE_TOO_LARGE when sending.
    const value = (name: string): number =>
      Number(configEntries.find(({ configName }) => configName === name)?.configValue ?? '');
    const [maxBatchBytes, minInSync] = [value(MAX_BYTES), value(MIN_IN_SYNC)];
    if (errorCode !== 0) continue;
    limits.set(resourceName, { ...(maxBatchBytes > 0 && { maxBatchBytes }), ...(minInSync > 0 && { minInSync }) });
  }
  return limits;
}
