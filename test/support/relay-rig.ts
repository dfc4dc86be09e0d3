import { setTimeout as delay } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import type { DrainOutcome, DrainRequest } from '../../src/domain/drain';
import { DEFAULT_MAX_ATTEMPTS, DEFAULT_ON_POISON } from '../../src/domain/hold-key';
import { KAFKA_DESTINATION } from '../../src/domain/publisher';
import { RelayKafka } from '../../src/kafka/relay-kafka';
import { insertMany } from '../../src/postgres/enqueue';
import type { NewEvent } from '../../src/postgres/enqueue';
import { readLedgerKey } from '../../src/postgres/relay/installation';
import { readInstallId } from '../../src/postgres/tenants';
import type { RelayDeps } from '../../src/relay/deps';
import { Relays } from '../../src/relay/relays';
import type { WorkerDeps } from '../../src/relay/relays';
import { createTestDatabase } from './database';
import type { TestDatabase } from './database';
import { createTopic } from './kafka';
import { BARE } from './kafka-bare';
import { testServers } from './stack';

export const RIG_RELAYS = 2;

/** Relays without Temporal, on real Postgres and Kafka: one installation with its own database and topic. */
export interface RelayRig {
  readonly db: TestDatabase;
  readonly kafka: RelayKafka;
  readonly topic: string;
  readonly notes: string[];
  /** What one worker process has; several are as good as several processes. */
  worker(name: string, changes?: Partial<WorkerDeps>): Relays;
  /** Attaches a tenant's publisher and waits for what became of its drain. */
  drain(relays: Relays, tenant: string, changes?: Partial<DrainRequest>): Promise<DrainOutcome>;
  /** As a workflow would: asks for a drain anew whenever one has ended, until the rig is closed. */
  keepDraining(relays: Relays, tenant: string): void;
  /** Stores events with these ordering keys; returns their ids in order. */
  store(tenant: string, count: number, event?: (index: number) => Partial<NewEvent>): Promise<string[]>;
  close(): Promise<void>;
}

/** After an attach that no relay could take, ms. */
const AGAIN_MS = 200;

export async function createRelayRig(...tenants: string[]): Promise<RelayRig> {
  return relayRigOn(testServers().kafkaBrokers, tenants);
}

/** Where the ledger and others' topics are to be on certain brokers of a cluster. */
export interface RelayRigPlaces {
  readonly installId?: string;
  /** Makes the ledger's topic of this name, if `ensureLedger` is not to. */
  readonly makeLedger?: (topic: string) => Promise<void>;
  /** False: the ledger has three replicas. */
  readonly singleBroker?: boolean;
}

export async function relayRigOn(
  brokers: string[],
  tenants: readonly string[],
  places?: RelayRigPlaces,
): Promise<RelayRig> {
  const db = await createTestDatabase(...tenants);
  await db.pool.query('update outbox.installation set relays = $1', [RIG_RELAYS]);
  if (places?.installId !== undefined)
    await db.pool.query('update outbox.installation set install_id = $1', [places.installId]);
  const topic = await createTopic(brokers, 3);
  const { key } = await readLedgerKey(db.pool);
  const kafka = new RelayKafka({
    ...BARE,
    brokers,
    installId: await readInstallId(db.pool),
    installation: 'outbox',
    ledgerKey: key,
    topics: { isAllowed: (name) => name !== 'forbidden-here', create: null },
  });
  await places?.makeLedger?.(kafka.ledgerTopic);
  await kafka.ensureLedger({ partitions: RIG_RELAYS, singleBroker: places?.singleBroker ?? true });
  const notes: string[] = [];
  const workers: Relays[] = [];
  const waiting = new Map<string, (outcome: DrainOutcome) => void>();
  const observer: RelayDeps['observer'] = {
    published: () => undefined,
    replayed: () => undefined,
    parked: () => undefined,
    failed: (_ref, code, message) => void notes.push(`${code}: ${message}`),
    ended: () => undefined,
    transaction: () => undefined,
    took: () => undefined,
    tookOver: () => undefined,
    quarantine: ({ tenant }, what) => void notes.push(`quarantine of ${tenant} ${what}`),
    retired: (relay, to) => void notes.push(`relay ${relay} retired, relay ${to} goes on`),
    admission: (name, what, why) => void notes.push(`admission ${what}: ${name} ${why}`),
    doubt: (relay, code, message) => void notes.push(`relay ${relay} ${code}: ${message}`),
    note: (what, details) => void notes.push(`${what} ${JSON.stringify(details)}`),
  };
  let closed = false;
  const rig: RelayRig = {
    db,
    kafka,
    topic,
    notes,
    worker(name, changes = {}) {
      const relays = new Relays({
        db: db.pool,
        kafka,
        observer,
        worker: name,
        relays: RIG_RELAYS,
        complete: ({ activityId }, outcome) => Promise.resolve(waiting.get(activityId)?.(outcome)),
        batchEvents: 100,
        batchBytes: 1_000_000,
        lingerMs: 0,
        ledgerRetentionMs: Infinity,
        drainMaxMs: 30_000,
        ...changes,
      });
      relays.start();
      workers.push(relays);
      return relays;
    },
    async drain(relays, tenant, changes = {}) {
      const activityId = randomUUID();
      const outcome = new Promise<DrainOutcome>((resolve) => waiting.set(activityId, resolve));
      const publisher = { tenant, destination: KAFKA_DESTINATION, shard: 0 };
      const request: DrainRequest = {
        ...{ publisher, events: 1_000_000, weight: 1, maxAttempts: DEFAULT_MAX_ATTEMPTS, onPoison: DEFAULT_ON_POISON },
        ...changes,
      };
      const address = { workflowId: `publisher:${tenant}`, runId: activityId, activityId };
      const answer = await relays
        .attach(publisher, { request, address, attachedAt: Date.now() })
        .catch((error: unknown) => {
          throw new Error(`not attached; notes:\n${notes.join('\n')}`, { cause: error });
        });
      if (answer.kind !== 'attached') throw new Error(`not attached: ${JSON.stringify(answer)}`);
      return outcome;
    },
    keepDraining(relays, tenant) {
      const keep = async (): Promise<void> => {
        while (!closed) await rig.drain(relays, tenant).catch(() => delay(AGAIN_MS));
      };
      void keep();
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
      closed = true;
      await Promise.all(workers.map((relays) => relays.stop()));
      kafka.close();
      await db.drop();
    },
  };
  return rig;
}
