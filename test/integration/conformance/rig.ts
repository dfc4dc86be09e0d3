import type { PoolClient } from 'pg';
import type { Scope } from '../../../model/relay/scope';
import type { PublisherRef } from '../../../src/domain/publisher';
import { LedgerCodec } from '../../../src/kafka/ledger/record';
import type { RelayKafka } from '../../../src/kafka/relay-kafka';
import { insertMany } from '../../../src/postgres/enqueue';
import { readLedgerKey } from '../../../src/postgres/relay/installation';
import { readInstallId } from '../../../src/postgres/tenants';
import { createTestDatabase } from '../../support/database';
import type { TestDatabase } from '../../support/database';
import { kafkaOf, someEvent } from '../../support/events';
import { createTopic } from '../../support/kafka';
import { relayKafka } from '../../support/relay-kafka';
import { testServers } from '../../support/stack';

/** A batch with one event of more than this is refused by its partition. */
export const TOPIC_BYTES = 20_000;

/** An installation of one walk: its database, its ledger, a topic of one partition for each publisher, and its writers. */
export interface ConformanceRig {
  readonly db: TestDatabase;
  readonly kafka: RelayKafka;
  readonly codec: LedgerCodec;
  readonly refs: readonly PublisherRef[];
  /** Aligned with `refs`. */
  readonly topics: readonly string[];
  /** Real ids by the model's, which begin with 1. */
  readonly ids: readonly string[];
  /** Commits an event, whose id was taken when the walk began: late commits have low ids. */
  store(id: number): Promise<void>;
  lock(id: number): Promise<void>;
  unlock(id: number): Promise<void>;
  /** Names this server anew, as a restart would: the statements' identity of it has the file of a table in it. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function conformanceRig({ events, publishers, relays }: Scope): Promise<ConformanceRig> {
  const brokers = testServers().kafkaBrokers;
  const tenants = Array.from({ length: publishers }, (_, publisher) => `tenant-${publisher}`);
  const refs = tenants.map(kafkaOf);
  const db = await createTestDatabase(...tenants);
  await db.pool.query('update outbox.installation set relays = $1', [relays]);
  const [{ key }, installId] = await Promise.all([readLedgerKey(db.pool), readInstallId(db.pool)]);
  // A loaded machine is no fault: what the model decides must not be decided by the clock.
  const patient = { produceTimeoutMs: 15_000, requestTimeoutMs: 15_000, transactionTimeoutMs: 60_000 };
  const kafka = relayKafka(brokers, { ...patient, installId, ledgerKey: key });
  await kafka.ensureLedger({ partitions: relays, singleBroker: true });
  const topics: string[] = [];
  for (let i = 0; i < publishers; i += 1) {
    topics.push(await createTopic(brokers, 1, { 'max.message.bytes': String(TOPIC_BYTES) }));
  }
  const writers: PoolClient[] = [];
  const ids: string[] = [];
  for (const { publisher, key: orderingKey } of events) {
    const client = await db.pool.connect();
    await client.query('begin');
    const event = someEvent(tenants[publisher] ?? '', { topic: topics[publisher] ?? '', key: orderingKey });
    const [stored] = await insertMany(client, [event]);
    if (stored?.id == null) throw new Error(`not stored: ${stored?.reason}`);
    writers.push(client);
    ids.push(stored.id);
  }
  const finish = async (client: PoolClient | undefined, how: 'commit' | 'rollback'): Promise<void> => {
    await client?.query(how);
    client?.release();
  };
  const stored = new Set<number>();
  const locks = new Map<number, PoolClient>();
  const unlock = async (id: number): Promise<void> => {
    await finish(locks.get(id), 'rollback');
    locks.delete(id);
  };
  return {
    ...{ db, kafka, codec: new LedgerCodec(key, installId), refs, topics, ids },
    async store(id) {
      stored.add(id);
      await finish(writers[id - 1], 'commit');
    },
    async lock(id) {
      const client = await db.pool.connect();
      locks.set(id, client);
      await client.query('begin');
      await client.query('select from outbox.events where event_id = $1 for update', [ids[id - 1]]);
    },
    unlock,
    async restart() {
      for (const id of locks.keys()) await unlock(id);
      await db.pool.query('vacuum full outbox.relays');
    },
    async close() {
      kafka.close();
      for (const id of locks.keys()) await unlock(id);
      for (const [at, client] of writers.entries()) if (!stored.has(at + 1)) await finish(client, 'rollback');
      await db.drop();
    },
  };
}
