import { KafkaJSError } from 'kafkajs';
import type { Kafka } from 'kafkajs';
import { setTimeout as delay } from 'node:timers/promises';

/** How far one partition was read. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  next: number;
  /** Read until here; null until the first answer told the high watermark. */
  end: number | null;
  lastStable: number;
  emptyAnswers: number;
}

/** How often and how far apart brokers are asked again: 5 s, longer than a leader needs to move. */
export const ATTEMPTS = 20;
export const RETRY_MS = 250;

/**
 * kafkajs gives up at the first answer of a broker that does not lead a partition: one that leads a topic made a moment ago, or
 * that a rolling restart has just moved, says so for a while. Nothing was read yet, so asking again is safe.
 */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      const again = error instanceof KafkaJSError && error.retriable;
      if (!again || attempt === ATTEMPTS) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Where to begin: each partition's start, or its first record that is not older than `sinceMs`. Topics that do not exist are left out. */
export async function startPositions(
  kafka: Kafka,
  topics: readonly string[],
  sinceMs: number | undefined,
): Promise<Position[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const offsets = await Promise.all(
      topics
        .filter((topic) => existing.has(topic))
        .map(async (topic) => {
          if (sinceMs !== undefined) {
            const found = await admin.fetchTopicOffsetsByTimestamp(topic, sinceMs);
            return found.map(({ partition, offset }) => ({ topic, partition, from: offset }));
          }
          return (await admin.fetchTopicOffsets(topic)).map(({ partition, low }) => ({ topic, partition, from: low }));
        }),
    );
    return offsets.flat().map(({ topic, partition, from }) => ({
      topic,
      partition,
      next: Number(from),
      end: null,
      lastStable: 0,
      emptyAnswers: 0,
    }));
  } finally {
    await admin.disconnect();
  }
}
