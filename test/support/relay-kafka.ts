import { randomUUID } from 'node:crypto';
import type { OutboxEvent } from '../../src/domain/event';
import type { Barrier, PlacedRecord } from '../../src/domain/relay/types';
import { RelayKafka } from '../../src/kafka/relay-kafka';
import type { RelayKafkaOptions } from '../../src/kafka/relay-settings';
import type { RelayProducer } from '../../src/kafka/transaction/relay-producer';
import type { OutgoingRelayBatch, TransactionResult } from '../../src/kafka/transaction/types';
import { outboxEvent } from './kafka-events';
import { BARE } from './kafka-bare';

export const RELAYS = 4;
export const LEDGER_KEY = Buffer.alloc(32, 5);

/** Relays' Kafka of an installation of its own; the ledger is made by `ensureLedger`, on a single broker. */
export function relayKafka(brokers: readonly string[], options: Partial<RelayKafkaOptions> = {}): RelayKafka {
  return new RelayKafka({
    ...BARE,
    brokers,
    installId: randomUUID(),
    installation: 'outbox',
    ledgerKey: LEDGER_KEY,
    ...options,
  });
}

export async function relayKafkaWithLedger(
  brokers: readonly string[],
  options: Partial<RelayKafkaOptions> = {},
): Promise<RelayKafka> {
  const kafka = relayKafka(brokers, options);
  await kafka.ensureLedger({ partitions: RELAYS, singleBroker: true });
  return kafka;
}

export function barrierOf(fence: number): Barrier {
  const origin = { server: 'server-1', system: 'cluster', timeline: 1, wal: 0, generation: 0 };
  return { ...origin, kind: 'barrier', fence, from: -1, relays: RELAYS };
}

/** Takes the relay over up to its barrier. */
export async function openRelay(
  kafka: RelayKafka,
  relay: number,
  fence = 1,
): Promise<{ producer: RelayProducer; barrier: number }> {
  const producer = kafka.open(relay);
  await producer.initialise(20_000);
  const barrier = await producer.writeBarrier(barrierOf(fence));
  return { producer, barrier };
}

/** A batch of these events, a group for each tenant. The fingerprint of an event is its id. */
export function relayBatch(seq: number, events: readonly OutboxEvent[], fence = 1): OutgoingRelayBatch {
  const tenants = [...new Set(events.map(({ tenant }) => tenant))];
  const groups = tenants.map((tenant) => {
    const own = events.filter((event) => event.tenant === tenant);
    return {
      publisher: { tenant, destination: 'kafka', shard: 0 },
      events: own,
      fingerprints: own.map(({ id }) => Number(id)),
    };
  });
  return { seq, fence, groups };
}

/** Events of several tenants in turn, of now: what is older than a topic's retention may be gone the moment it is there. */
export function tenantsEvents(tenants: number, count: number, changes: Partial<OutboxEvent>): OutboxEvent[] {
  const createdAt = new Date().toISOString();
  return Array.from({ length: count }, (_, i) =>
    outboxEvent(i, { tenant: `tenant-${i % tenants}`, createdAt, ...changes }),
  );
}

export async function readAll(producer: RelayProducer, from: number, upTo: number): Promise<PlacedRecord[]> {
  const all: PlacedRecord[] = [];
  await producer.readLedger(from, upTo, (records) => {
    all.push(...records);
    return Promise.resolve();
  });
  return all;
}

/** The result, which must be of this kind. */
export async function result<K extends TransactionResult['kind']>(
  kind: K,
  promise: Promise<TransactionResult>,
): Promise<Extract<TransactionResult, { kind: K }>> {
  const got = await promise;
  if (got.kind !== kind) throw new Error(`it was ${got.kind}: ${JSON.stringify(got).slice(0, 500)}`);
  return got as Extract<TransactionResult, { kind: K }>;
}
