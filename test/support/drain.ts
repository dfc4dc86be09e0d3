import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import type { DrainDeps } from '../../src/activities/drain/context';
import { LingerHub } from '../../src/activities/drain/linger';
import { runDrain } from '../../src/activities/drain/run';
import { SessionCache } from '../../src/activities/drain/session-cache';
import type { DrainOutcome, DrainRequest } from '../../src/domain/drain';
import { insertMany } from '../../src/postgres/enqueue';
import type { NewEvent } from '../../src/postgres/enqueue';
import { readInstallId } from '../../src/postgres/tenants';
import { createKafkaSink } from '../../src/sinks/kafka';
import type { Sink } from '../../src/sinks/sink';
import { createTestDatabase } from './database';
import type { TestDatabase } from './database';
import { testServers } from './stack';

/** Drains without Temporal, on real Postgres and Kafka: one installation with its own database and topic. */
export interface DrainRig {
  readonly db: TestDatabase;
  readonly sink: Sink;
  readonly topic: string;
  readonly notes: string[];
  /** What one worker process has; several are as good as several processes. */
  worker(name: string, changes?: Partial<DrainDeps>): DrainDeps;
  drain(deps: DrainDeps, changes?: Partial<DrainRequest>, firstAttempt?: boolean): Promise<DrainOutcome>;
  /** Stores events with these ordering keys; returns their ids in order. */
  store(tenant: string, count: number, event?: (index: number) => Partial<NewEvent>): Promise<string[]>;
  close(): Promise<void>;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

export async function createDrainRig(...tenants: string[]): Promise<DrainRig> {
  const db = await createTestDatabase(...tenants);
  const topic = `drain-${randomUUID().slice(0, 8)}`;
  const brokers = testServers().kafkaBrokers;
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
  await admin.disconnect();
  const sink = createKafkaSink({
    brokers,
    clientId: 'drain-test',
    installId: await readInstallId(db.pool),
    transactionTimeoutMs: 10_000,
    requestTimeoutMs: 5_000,
    topics: { isAllowed: (name) => name !== 'forbidden-here', create: null },
    logger: silent,
  });
  const notes: string[] = [];
  const caches: SessionCache[] = [];
  return {
    db,
    sink,
    topic,
    notes,
    worker(name, changes = {}) {
      const sessions = new SessionCache(sink, 8);
      caches.push(sessions);
      return {
        pool: db.pool,
        sink,
        sessions,
        linger: new LingerHub(db.pool, 50),
        observer: {
          published: () => undefined,
          replayed: () => undefined,
          parked: () => undefined,
          failed: (_ref, code, message) => void notes.push(`${code}: ${message}`),
          ended: () => undefined,
          note: (_ref, what) => void notes.push(what),
        },
        worker: name,
        batchEvents: 100,
        batchBytes: 1_000_000,
        publishDeadlineMs: 8_000,
        stopping: new AbortController().signal,
        thawed: () => Promise.resolve(),
        ...changes,
      };
    },
    drain(deps, changes = {}, firstAttempt = true) {
      const request: DrainRequest = {
        publisher: { tenant: 'acme', destination: 'kafka', shard: 0 },
        grantId: randomUUID(),
        events: 1_000_000,
        maxMs: 30_000,
        lingerMs: 0,
        lastWorker: null,
        cautious: false,
        ...changes,
      };
      return runDrain(deps, { request, cancelled: new AbortController().signal }, firstAttempt);
    },
    async store(tenant, count, event = () => ({})) {
      const events = Array.from({ length: count }, (_, index) => ({
        tenant,
        topic,
        type: 'test.happened',
        key: `key-${index % 5}`,
        dedupeKey: null,
        headers: null,
        payload: Buffer.from(JSON.stringify({ index })),
        contentType: 'application/json',
        ...event(index),
      }));
      return (await insertMany(db.pool, events)).map((row) => row.id ?? `refused: ${row.reason}`);
    },
    async close() {
      for (const cache of caches) await cache.close();
      await sink.close();
      await db.drop();
    },
  };
}

export interface SeenMessage {
  readonly eventId: string;
  readonly key: string;
  readonly partition: number;
  readonly offset: string;
  readonly producerId: string;
}

/** Reads a topic to its present end as a read_committed consumer. Ends when `expected` were seen and no more came. */
export async function readTopic(topic: string, expected: number): Promise<SeenMessage[]> {
  const kafka = new Kafka({ brokers: testServers().kafkaBrokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `read-${randomUUID()}`, readUncommitted: false, maxWaitTimeInMs: 100 });
  const seen: SeenMessage[] = [];
  let last = Date.now();
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      last = Date.now();
      seen.push({
        eventId: String(message.headers?.['event-id']),
        key: String(message.key),
        partition,
        offset: message.offset,
        producerId: String(message.headers?.['x-producer-id']),
      });
      return Promise.resolve();
    },
  });
  const deadline = Date.now() + 20_000;
  // A duplicate would come after the last expected one: wait for silence, not only for the count.
  while (Date.now() < deadline && !(seen.length >= expected && Date.now() - last > 700)) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await consumer.disconnect();
  return seen;
}
