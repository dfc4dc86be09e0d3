import type { Hanging, Item, Kafka, Late, Ledger, Producer, Record } from './world';

/** What may become of a transaction's markers: all written, or none at first, or the ledger's only. */
export type Markers = 'written' | 'none' | 'ledger';

export function replaceAt<T>(list: readonly T[], at: number, change: Partial<T>): readonly T[] {
  return list.map((one, index) => (index === at ? { ...one, ...change } : one));
}

export function producerOf(kafka: Kafka, relay: number): Producer {
  return kafka.producers[relay] as Producer;
}

export function ledgerOf(kafka: Kafka, relay: number): Ledger {
  return kafka.ledgers[relay] as Ledger;
}

/** True if the coordinator answers CONCURRENT_TRANSACTIONS: markers are still to be written. */
export function isBusy(kafka: Kafka, relay: number): boolean {
  return (producerOf(kafka, relay).open?.end ?? null) !== null;
}

/**
 * InitProducerId: fences each older epoch and aborts what is open. If the markers of that abort cannot be written the
 * epoch is raised all the same, and the caller has to ask again.
 */
export function initProducer(kafka: Kafka, relay: number, markers: Markers = 'written'): Kafka {
  const { epoch, open } = producerOf(kafka, relay);
  const end: Hanging = { outcome: 'abort', ledger: markers === 'ledger', fenced: true };
  const left = open === null || markers === 'written' ? null : { ...open, end };
  return withProducer(kafka, relay, { epoch: epoch + 1, open: left });
}

/** Adds to the open transaction of this epoch, or begins it; null = refused. */
export function produce(
  kafka: Kafka,
  relay: number,
  epoch: number,
  items: readonly Item[],
  records: readonly Record[],
): Kafka | null {
  const producer = producerOf(kafka, relay);
  if (producer.epoch !== epoch || isBusy(kafka, relay)) return null;
  const open = producer.open ?? { data: [], records: [], end: null };
  return withProducer(kafka, relay, {
    open: { data: [...open.data, ...items], records: [...open.records, ...records], end: null },
  });
}

/** EndTxn; null = refused: a newer epoch exists, or nothing is open. */
export function endTransaction(
  kafka: Kafka,
  relay: number,
  epoch: number,
  outcome: 'commit' | 'abort',
  markers: Markers = 'written',
): Kafka | null {
  const producer = producerOf(kafka, relay);
  if (producer.epoch !== epoch || producer.open === null || producer.open.end !== null) return null;
  const { data, records } = producer.open;
  const log = outcome === 'commit' ? [...kafka.log, ...data] : kafka.log;
  const ledger = markers !== 'none' && outcome === 'commit' ? appended(kafka, relay, records) : kafka.ledgers;
  const end: Hanging = { outcome, ledger: markers === 'ledger', fenced: false };
  const open = markers === 'written' ? null : { ...producer.open, end };
  return withProducer({ ...kafka, log, ledgers: ledger }, relay, { open });
}

/** The leader is back, and the markers are written. */
export function writeMarkers(kafka: Kafka, relay: number): Kafka {
  const { open } = producerOf(kafka, relay);
  if (open === null || open.end === null) return kafka;
  const { outcome, ledger } = open.end;
  const ledgers = outcome === 'commit' && !ledger ? appended(kafka, relay, open.records) : kafka.ledgers;
  return withProducer({ ...kafka, ledgers }, relay, { open: null });
}

/** Delivers the late request `index`. Brokers verify that its partition is in the open transaction of its epoch. */
export function deliver(kafka: Kafka, index: number): Kafka {
  const late = kafka.late[index] as Late;
  const rest: Kafka = { ...kafka, late: kafka.late.filter((_, other) => other !== index) };
  const { relay, epoch } = late;
  if (late.kind === 'commit') return endTransaction(rest, relay, epoch, 'commit') ?? rest;
  if (producerOf(rest, relay).open === null) return rest;
  if (late.kind === 'data') return produce(rest, relay, epoch, late.items, []) ?? rest;
  return produce(rest, relay, epoch, [], [late.record]) ?? rest;
}

export function withLate(kafka: Kafka, ...late: readonly Late[]): Kafka {
  return { ...kafka, late: [...kafka.late, ...late] };
}

export function withLedger(kafka: Kafka, relay: number, change: Partial<Ledger>): Kafka {
  return { ...kafka, ledgers: replaceAt(kafka.ledgers, relay, change) };
}

function withProducer(kafka: Kafka, relay: number, change: Partial<Producer>): Kafka {
  return { ...kafka, producers: replaceAt(kafka.producers, relay, change) };
}

function appended(kafka: Kafka, relay: number, records: readonly Record[]): readonly Ledger[] {
  return replaceAt(kafka.ledgers, relay, { records: [...ledgerOf(kafka, relay).records, ...records] });
}
