import { memberId } from '../../domain/event';
import type { OutboxEvent } from '../../domain/event';
import { eventProblem } from '../../domain/event-problem';
import { ByteWriter } from './byte-writer';
import type { KafkaSettings } from './options';
import { messageKey } from './partitioner';
import { BATCH_OVERHEAD, writeRecord } from './record-batch';
import { HeaderWriter } from './record-headers';
import type { TopicDirectory, TopicInfo } from './topic-directory';

/** Events that can never be sent as they are; found before the first byte is sent. */
export interface Unsendable {
  /** `memberId` of the event: a batch may hold several copies of one event. */
  readonly eventId: string;
  readonly code: 'EVENT_TOO_LARGE' | 'EVENT_REFUSED';
  readonly reason: string;
}

/** What a look at events before sending them found: single events to park and topics that cannot take anything now. */
export interface Preflight {
  readonly unsendable: readonly Unsendable[];
  readonly blockedTopics: readonly {
    readonly topic: string;
    readonly code: BlockedTopicCode;
    readonly reason: string;
  }[];
}

export type BlockedTopicCode =
  'KAFKA_TOPIC_MISSING' | 'KAFKA_TOPIC_FORBIDDEN' | 'KAFKA_TOPIC_NOT_ALLOWED' | 'KAFKA_TOPIC_UNAVAILABLE';

/** Our headers' names and fixed parts, key and producer id, generously. */
const FLAT_BYTES = 2_048;
/** UTF-8 takes at most three bytes per UTF-16 unit. */
const BYTES_PER_UNIT = 3;

/** What of these events cannot be sent now, or ever. Asks Kafka only about topics that are unknown or known for minutes. */
export async function preflightOf(
  events: readonly OutboxEvent[],
  settings: KafkaSettings,
  directory: TopicDirectory,
  keyStyle: KafkaSettings['keyStyle'],
  /** The longest value of x-producer-id that may come. */
  producer: string,
): Promise<Preflight> {
  const topics = [...new Set(events.map((event) => event.topic))];
  const allowed = topics.filter((topic) => isAllowed(topic, settings));
  const known = await directory.lookUp(allowed);
  const blockedTopics = topics.flatMap((topic) => {
    const block = blockOf(topic, known.get(topic));
    return block === null ? [] : [{ topic, ...block }];
  });
  const unsendable: Unsendable[] = [];
  for (const event of events) {
    const problem = eventProblem(event);
    if (problem !== null) {
      unsendable.push({ eventId: memberId(event), code: 'EVENT_REFUSED', reason: problem });
      continue;
    }
    const info = known.get(event.topic);
    if (info?.state !== 'healthy' || roughSize(event) <= info.maxBatchBytes) continue;
    const size = exactSize(event, producer, keyStyle);
    if (size <= info.maxBatchBytes) continue;
    unsendable.push({
      eventId: memberId(event),
      code: 'EVENT_TOO_LARGE',
      reason:
        `As a Kafka message the event has ${size} bytes, topic "${event.topic}" takes ${info.maxBatchBytes}. ` +
        "Raise the topic's max.message.bytes and retry the event, or skip it.",
    });
  }
  return { unsendable, blockedTopics };
}

/** Which of these topics take nothing now. Asks Kafka only about topics that are unknown or known for minutes. */
export async function blockedOf(
  topics: readonly string[],
  settings: KafkaSettings,
  directory: TopicDirectory,
): Promise<Preflight['blockedTopics']> {
  const known = await directory.lookUp(topics.filter((topic) => isAllowed(topic, settings)));
  return topics.flatMap((topic) => {
    const block = blockOf(topic, known.get(topic));
    return block === null ? [] : [{ topic, ...block }];
  });
}

/** Kafka's internal topics and the ledger's are never a tenant's, whatever the configured patterns say. */
export function isAllowed(topic: string, settings: KafkaSettings): boolean {
  return !topic.startsWith('__') && topic !== settings.ledgerTopic && settings.topics.isAllowed(topic);
}

function blockOf(topic: string, info: TopicInfo | undefined): { code: BlockedTopicCode; reason: string } | null {
  switch (info?.state) {
    case 'healthy':
      return null;
    case 'missing':
      return { code: 'KAFKA_TOPIC_MISSING', reason: info.reason };
    case 'forbidden':
      return { code: 'KAFKA_TOPIC_FORBIDDEN', reason: info.reason };
    case undefined:
      return {
        code: 'KAFKA_TOPIC_NOT_ALLOWED',
        reason: `Topic "${topic}" is not in the allow-list of topics. Add it there, or skip the events.`,
      };
  }
}

/** Never below the exact size, and cheap: only events near the limit are measured exactly. */
function roughSize(event: OutboxEvent): number {
  let units = event.tenant.length * 3 + event.dedupeKey.length * 2 + (event.key?.length ?? 0);
  units += event.replay?.replayId.length ?? 0;
  units += event.topic.length + event.type.length + (event.contentType?.length ?? 0);
  for (const [name, value] of Object.entries(event.headers ?? {})) units += name.length + value.length + 4;
  return FLAT_BYTES + (event.payload?.length ?? 0) + units * BYTES_PER_UNIT;
}

function exactSize(event: OutboxEvent, producer: string, keyStyle: KafkaSettings['keyStyle']): number {
  const writer = new ByteWriter(roughSize(event));
  const headers = new HeaderWriter(producer);
  writeRecord(writer, { event, key: messageKey(event, keyStyle) }, 0, 0, headers);
  return BATCH_OVERHEAD + writer.position;
}
