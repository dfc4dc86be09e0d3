import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import type { Admin, KafkaConfig } from 'kafkajs';
import { OutboxError, errorMessage } from '../../domain/errors';
import { publisherId } from '../../domain/publisher';
import type { PublisherRef } from '../../domain/publisher';
import type { FoundMessage, MessageSearch } from '../sink';
import type { KafkaSettings } from './options';
import { TopicReader } from './topic-reader';
import type { AuditedRecord } from './topic-reader';

/** A message's time is its event's; where the broker writes its own time, clocks may differ by this much. */
const CLOCKS_MS = 3_600_000;
const BATCH_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads topics for the messages that a publisher has committed. What is not found was not published, so first of all it
 * makes sure that nothing can be gone: by retention or by compaction.
 */
export async function findMessages(
  settings: KafkaSettings,
  ref: PublisherRef,
  search: MessageSearch,
): Promise<string | null> {
  const config: KafkaConfig = {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    ...(settings.ssl === undefined ? {} : { ssl: settings.ssl }),
    ...(settings.sasl === undefined ? {} : { sasl: settings.sasl }),
    connectionTimeout: settings.connectionTimeoutMs,
    logLevel: logLevel.NOTHING,
  };
  const sinceMs = Math.max(0, Math.floor(search.sinceMs) - CLOCKS_MS);
  const gone = await whatMayBeGone(config, search, sinceMs);
  if (gone !== null) return gone;

  let found: FoundMessage[] = [];
  const handOn = async (): Promise<void> => {
    const messages = found;
    found = [];
    if (messages.length > 0) await search.found(messages);
  };
  const prefix = `${publisherId(ref)}@`;
  const visitor = {
    committed: (topic: string, partition: number, record: AuditedRecord): void => {
      const message = messageOf(record, prefix);
      if (message !== null) found.push({ ...message, topic, partition, offset: record.offset });
    },
    aborted: () => undefined,
    answered: handOn,
  };
  const reader = await TopicReader.open(config, search.topics, visitor, { sinceMs });
  try {
    // Transactions of others may hold the end of a shared topic back: at most for as long as one may take.
    const undecided = await reader.readToEnd(2 * settings.transactionTimeoutMs);
    if (undecided.length > 0) {
      const names = undecided.map(({ topic, partition }) => `${topic}/${partition}`).join(', ');
      throw new OutboxError(
        'KAFKA_TIMEOUT',
        `Open transactions of others hide the end of ${names}. Try again when they have ended.`,
      );
    }
  } finally {
    await reader.close();
  }
  return null;
}

function messageOf(record: AuditedRecord, prefix: string): Omit<FoundMessage, 'topic' | 'partition' | 'offset'> | null {
  const text = (name: string): string => {
    const value = record.headers[name];
    return Buffer.isBuffer(value) ? value.toString('utf8') : '';
  };
  const producer = text('x-producer-id');
  if (!producer.startsWith(prefix)) return null;
  const batchId = producer.slice(prefix.length);
  const [eventId, dedupeKey] = [text('event-id'), text('dedupe-key')];
  if (!BATCH_ID.test(batchId) || !/^\d{1,19}$/.test(eventId) || dedupeKey === '') return null;
  return {
    eventId,
    dedupeKey,
    batchId,
    replayId: record.headers['outbox-replay-id'] === undefined ? null : text('outbox-replay-id'),
  };
}

type Known = MessageSearch['known'];

/** Null if all messages since then are still there, else which topic may have dropped some, and what to do. */
async function whatMayBeGone(config: KafkaConfig, search: MessageSearch, sinceMs: number): Promise<string | null> {
  const admin = new Kafka(config).admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    for (const topic of search.topics.filter((name) => existing.has(name))) {
      const why = await mayMiss(admin, topic, search.known, sinceMs);
      if (why !== null) {
        return `${why}, so what is not there may have been published nevertheless. Choose resend (doubles possible), or skip the events of "${topic}" and adopt then.`;
      }
    }
    return null;
  } catch (error) {
    throw new OutboxError(
      'KAFKA_UNAVAILABLE',
      `Kafka's topics cannot be described: ${errorMessage(error)}. Check the rights (Describe, DescribeConfigs) and try again.`,
      { cause: error },
    );
  } finally {
    await admin.disconnect();
  }
}

/**
 * Logs lose their oldest part, and a publisher's later messages lie behind its earlier ones: nothing is missing if nothing was
 * dropped, or an earlier message of it is still there. Where it has none, the topic must keep messages by time alone and for
 * longer than is asked about, and still begin with an older one (records may have been deleted by hand).
 */
async function mayMiss(admin: Admin, topic: string, known: Known, sinceMs: number): Promise<string | null> {
  const setting = await settingsOf(admin, topic);
  if (setting('cleanup.policy').includes('compact')) return `topic "${topic}" is compacted`;
  const keepsMs = setting('retention.ms') === '-1' ? Infinity : Number(setting('retention.ms'));
  const byTime = setting('retention.bytes') === '-1' && Date.now() - keepsMs < sinceMs;
  const [offsets, since] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchTopicOffsetsByTimestamp(topic, sinceMs),
  ]);
  const lacking = offsets.find(({ partition, low }) => {
    const first = Number(low);
    const own = known.find((place) => place.topic === topic && place.partition === partition)?.offset ?? -1;
    const from = Number(since.find((entry) => entry.partition === partition)?.offset ?? low);
    return first > 0 && own < first - 1 && !(byTime && from > first);
  });
  return lacking === undefined ? null : `topic "${topic}" has dropped old messages of partition ${lacking.partition}`;
}

async function settingsOf(admin: Admin, topic: string): Promise<(name: string) => string> {
  const configNames = ['cleanup.policy', 'retention.ms', 'retention.bytes'];
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames }],
  });
  const entries = resources[0]?.configEntries ?? [];
  return (name) => {
    const value = entries.find((entry) => entry.configName === name)?.configValue;
    if (value === undefined) throw new Error(`${name} of topic "${topic}" is not told`);
    return value;
  };
}
