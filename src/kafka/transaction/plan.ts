import { messageKey, partitionOf, withPlainKey } from '../../sinks/kafka/partitioner';
import type { KafkaSettings } from '../../sinks/kafka/options';
import type { KeyedEvent } from '../../sinks/kafka/record-batch';
import type { TopicInfo } from '../../sinks/kafka/topic-directory';
import type { EventPlace, OutgoingRelayBatch, Refusal } from './types';

/** What a batch sends to one partition: one record batch. */
export interface Part {
  readonly topic: string;
  readonly partition: number;
  /** Node id of the partition's leader as it was known last; -1 = none. */
  leader: number;
  /** Events in the order of the batch, and for each its group and its place there. Empty for the ledger's part. */
  readonly events: KeyedEvent[];
  readonly groups: number[];
  readonly indexes: number[];
  /** The ledger's record; null for parts with events. */
  readonly record: Buffer | null;
  /** Offset of the first record, once the leader has told it. */
  baseOffset: number;
}

export interface Plan {
  /** Parts of one topic follow each other. */
  readonly parts: Part[];
  /** Topics and partitions that cannot take anything now. */
  readonly refusals: Refusal[];
}

/** Events by topic and partition. `topics`: what is known of every topic of the batch. */
export function planParts(
  batch: OutgoingRelayBatch,
  topics: ReadonlyMap<string, TopicInfo>,
  keyStyle: KafkaSettings['keyStyle'],
): Plan {
  const slots = new Map<string, Slot>();
  for (const [group, { events, plainKey }] of batch.groups.entries()) {
    const style = withPlainKey(keyStyle, plainKey);
    for (const [index, event] of events.entries()) {
      let slot = slots.get(event.topic);
      if (slot === undefined)
        slots.set(event.topic, (slot = { info: topics.get(event.topic), parts: [], lacking: [] }));
      if (slot.info?.state !== 'healthy') {
        slot.lacking.push({ group, index });
        continue;
      }
      const key = messageKey(event, style);
      const partition = partitionOf(key, slot.info.leaders.length);
      const part = (slot.parts[partition] ??= newPart(event.topic, partition, slot.info.leaders[partition] ?? -1));
      part.events.push({ event, key });
      part.groups.push(group);
      part.indexes.push(index);
    }
  }
  const parts: Part[] = [];
  const refusals: Refusal[] = [];
  for (const [topic, { info, parts: own, lacking }] of slots) {
    if (info?.state !== 'healthy') refusals.push(unusable(topic, info, lacking));
    for (const part of own) {
      if (part === undefined) continue;
      if (part.leader >= 0) parts.push(part);
      else refusals.push(withoutLeader(part));
    }
  }
  return { parts, refusals };
}

export function ledgerPart(topic: string, partition: number, leader: number, record: Buffer): Part {
  return { ...newPart(topic, partition, leader), record };
}

/** As AddPartitionsToTxn names them. */
export function topicPartitions(parts: readonly Part[]): { topic: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of parts) {
    const partitions = byTopic.get(topic);
    if (partitions === undefined) byTopic.set(topic, [partition]);
    else partitions.push(partition);
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
}

export function placesOf(part: Part): EventPlace[] {
  return part.groups.map((group, i) => ({ group, index: part.indexes[i] as number }));
}

export function withoutLeader(part: Part): Refusal {
  return {
    topic: part.topic,
    partition: part.partition,
    code: 'KAFKA_TOPIC_UNAVAILABLE',
    reason: `Partition ${part.partition} of topic "${part.topic}" has no leader that takes records. Check the brokers that hold its replicas.`,
    events: placesOf(part),
    byItself: false,
  };
}

interface Slot {
  readonly info: TopicInfo | undefined;
  /** By partition, with holes. */
  readonly parts: (Part | undefined)[];
  readonly lacking: EventPlace[];
}

function newPart(topic: string, partition: number, leader: number): Part {
  return { topic, partition, leader, events: [], groups: [], indexes: [], record: null, baseOffset: -1 };
}

function unusable(topic: string, info: TopicInfo | undefined, events: EventPlace[]): Refusal {
  if (info !== undefined && info.state !== 'healthy') {
    const code = info.state === 'forbidden' ? 'KAFKA_TOPIC_FORBIDDEN' : 'KAFKA_TOPIC_MISSING';
    return { topic, partition: null, code, reason: info.reason, events, byItself: false };
  }
  const reason = `Nothing is known of topic "${topic}". Create it.`;
  return { topic, partition: null, code: 'KAFKA_TOPIC_MISSING', reason, events, byItself: false };
}
