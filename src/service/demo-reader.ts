import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { IHeaders } from 'kafkajs';
import { createLedTopics } from '../kafka/create-topics';

/** Reads the demo's topics as any consumer would. */
export interface DemoReader {
  /** One line for each of these event ids, in the order read; ends when all are seen or `timeoutMs` is over. */
  read(eventIds: readonly string[], timeoutMs: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Starts reading from the beginning: waiting for the group to stand at the end first would cost seconds on every start. */
export async function startDemoReader(brokers: readonly string[], topics: readonly string[]): Promise<DemoReader> {
  const kafka = new Kafka({ clientId: 'temporal-outbox-demo', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0) {
    await createLedTopics(
      admin,
      missing.map((topic) => ({ topic, numPartitions: 3 })),
    );
  }
  await admin.disconnect();

  const lines = new Map<string, string>();
  let arrived: () => void = () => undefined;
  const consumer = kafka.consumer({
    groupId: `outbox-demo-${randomUUID()}`,
    readUncommitted: false,
    maxWaitTimeInMs: 200,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ topic, partition, message }) => {
      const header = (name: string): string => text(message.headers, name);
      lines.set(
        header('event-id'),
        `${topic}[${partition}]@${message.offset}  tenant ${header('tenant-id')}  ${header('event-type')}  key ${message.key?.toString()}  ${message.value?.toString()}`,
      );
      arrived();
      return Promise.resolve();
    },
  });
  return {
    async read(eventIds, timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      const seen = (): boolean => eventIds.every((id) => lines.has(id));
      while (!seen() && Date.now() < deadline) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
          setTimeout(resolve, 200);
        });
      }
      return eventIds.map(
        (id) => lines.get(id) ?? `event ${id} was not seen within ${timeoutMs} ms; look at its status`,
      );
    },
    close: () => consumer.disconnect(),
  };
}

function text(headers: IHeaders | undefined, name: string): string {
  const value = headers?.[name];
  return (Array.isArray(value) ? value[0] : value)?.toString() ?? '';
}
