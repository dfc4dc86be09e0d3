import type { TopicPartitions } from '../sinks/kafka/protocol';
import type { TopicDirectory } from '../sinks/kafka/topic-directory';
import type { BlockedTopicCode } from '../sinks/sink';
import type { ProbeResult } from './transaction/probe';

/** A topic that takes nothing now: its events wait, those of other topics go. */
export interface BlockedTopic {
  readonly topic: string;
  readonly code: BlockedTopicCode;
  /** Plain words that end with the remedy. */
  readonly reason: string;
}

const CODES: readonly string[] = ['KAFKA_TOPIC_MISSING', 'KAFKA_TOPIC_FORBIDDEN', 'KAFKA_TOPIC_NOT_ALLOWED'];

/** True for what is said of a topic, and may heal while everything else goes on. */
export function isTopicCode(code: string): code is BlockedTopicCode {
  return CODES.includes(code);
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
