import type { TopicPartitions } from '../sinks/kafka/protocol';
import type { TopicDirectory, TopicInfo } from '../sinks/kafka/topic-directory';
import type { BlockedTopicCode } from '../sinks/kafka/preflight';
import type { ProbeResult } from './transaction/prober';

/** A topic that takes nothing now: its events wait, those of other topics go. */
export interface BlockedTopic {
  readonly topic: string;
  readonly code: BlockedTopicCode;
  /** Plain words that end with the remedy. */
  readonly reason: string;
}

const CODES: readonly string[] = [
  'KAFKA_TOPIC_MISSING',
  'KAFKA_TOPIC_FORBIDDEN',
  'KAFKA_TOPIC_NOT_ALLOWED',
  'KAFKA_TOPIC_UNAVAILABLE',
];

/** True for what is said of a topic, and may heal while everything else goes on. */
export function isTopicCode(code: string): code is BlockedTopicCode {
  return CODES.includes(code);
}

/** How a topic stands by metadata. */
export interface Standing {
  readonly partitions: number;
  /** Why a transaction with one of its partitions would not end; null = by metadata it would. */
  readonly fault: string | null;
}

/** Every partition has a leader, and enough replicas for it to take records. Null for a topic that is not there or not ours to write to. */
export function standingOf(topic: string, info: TopicInfo | undefined): Standing | null {
  if (info?.state !== 'healthy') return null;
  const { leaders, inSync, minInSync } = info;
  const partitions = leaders.length;
  const headless = leaders.findIndex((leader) => leader < 0);
  if (headless >= 0) {
    const fault = `Partition ${headless} of topic "${topic}" has no leader. Check the brokers that hold its replicas.`;
    return { partitions, fault };
  }
  const thin = inSync.findIndex((count) => count < minInSync);
  if (thin < 0) return { partitions, fault: null };
  const has = `${inSync[thin]} replicas in sync, and takes nothing below ${minInSync}`;
  return {
    partitions,
    fault: `Partition ${thin} of topic "${topic}" has ${has}. Check the brokers that hold the others.`,
  };
}

/** True if a transaction takes the topic. */
export async function isWritable(
  directory: TopicDirectory,
  topic: string,
  probe: (partitions: readonly TopicPartitions[]) => Promise<ProbeResult>,
): Promise<boolean> {
  const info = (await directory.lookUp([topic])).get(topic);
  if (info?.state !== 'healthy') return false;
  const first = info.leaders.findIndex((leader) => leader >= 0);
  if (first < 0) return false;
  // Of one that is busy nothing was learned.
  return (await probe([{ topic, partitions: [first] }])).kind === 'clear';
}
