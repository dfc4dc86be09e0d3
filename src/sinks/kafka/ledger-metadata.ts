import type { LedgerEntry, OutgoingBatch, Placement } from '../sink';
import { crc32c } from './crc32c';
import { assignPlaces } from './places';
import type { PartitionPlan, SentRun } from './places';

/** The broker's default limit (offset.metadata.max.bytes) is 4096. */
const MAX_METADATA = 4_000;
const FORMAT = '1';

/**
 * Metadata of a ledger entry: `1 <batch id>`, and where the events went if that fits: `1 <batch id> <checksum> <topic>;…`,
 * each topic as `<partition count>:<partition>.<base offset>.<count>,…`, numbers in base 36, topics in the order of their
 * first event. With the partition count the partition of each event is computed again, so events need not be named; the
 * checksum over those partitions shows if the key style changed since.
 */
export function ledgerMetadata(batch: OutgoingBatch, plan: PartitionPlan, runs: readonly SentRun[]): string {
  const topics = [...plan.counts].map(([topic, count]) => {
    const own = merged(runs.filter((run) => run.topic === topic));
    return `${count.toString(36)}:${own.map(runText).join(',')}`;
  });
  const full = `${FORMAT} ${batch.batchId} ${checksum(plan.partitions)} ${topics.join(';')}`;
  return full.length <= MAX_METADATA ? full : shortMetadata(batch);
}

/** Metadata without places. */
export function shortMetadata(batch: OutgoingBatch): string {
  return `${FORMAT} ${batch.batchId}`;
}

/** A committed offset as a ledger entry; null if it says that nothing was committed (-1). */
export function ledgerEntryOf({ offset, metadata }: { offset: string | number; metadata: string }): LedgerEntry | null {
  const seq = Number(offset);
  return seq < 0 ? null : { seq, batchId: batchIdOf(metadata), metadata };
}

/** The batch id in a ledger's metadata. Foreign metadata is returned whole: it equals no batch id, so the drain halts. */
export function batchIdOf(metadata: string): string {
  const [format, batchId] = metadata.split(' ');
  return format === FORMAT && batchId !== undefined && batchId !== '' ? batchId : metadata;
}

/**
 * Where the events of `batch` went according to `metadata`; null if it does not say so, or not about this batch.
 * `plan` computes the partitions for given partition counts.
 */
export function placesFrom(
  metadata: string,
  batch: OutgoingBatch,
  plan: (counts: ReadonlyMap<string, number>) => PartitionPlan,
): readonly Placement[] | null {
  const [format, batchId, sum, places] = metadata.split(' ');
  if (format !== FORMAT || batchId !== batch.batchId || sum === undefined || places === undefined) return null;
  const topics = [...new Set(batch.events.map((event) => event.topic))];
  const parsed = places.split(';').map(parseTopic);
  if (parsed.length !== topics.length) return null;
  const counts = new Map(topics.map((topic, i) => [topic, parsed[i]?.count ?? 0]));
  if ([...counts.values()].some((count) => !(count > 0))) return null;
  const planned = plan(counts);
  if (checksum(planned.partitions) !== sum) return null;
  const runs = parsed.flatMap(({ runs: own }, i) => own.map((run) => ({ ...run, topic: topics[i] ?? '' })));
  return assignPlaces(batch, planned, runs);
}

/** Runs of one topic by partition, with those joined that follow each other without a gap. */
function merged(runs: readonly SentRun[]): SentRun[] {
  const byPartition = new Map<number, SentRun[]>();
  for (const run of runs) {
    const own = byPartition.get(run.partition);
    const last = own?.at(-1);
    if (own === undefined) byPartition.set(run.partition, [run]);
    else if (last !== undefined && last.baseOffset + last.count === run.baseOffset) {
      own[own.length - 1] = { ...last, count: last.count + run.count };
    } else own.push(run);
  }
  return [...byPartition.values()].flat();
}

function runText({ partition, baseOffset, count }: SentRun): string {
  return `${partition.toString(36)}.${baseOffset.toString(36)}.${count.toString(36)}`;
}

const TOPIC_PLACES = /^([0-9a-z]+):((?:[0-9a-z]+\.[0-9a-z]+\.[0-9a-z]+,?)+)$/;

function parseTopic(text: string): { count: number; runs: Omit<SentRun, 'topic'>[] } {
  const match = TOPIC_PLACES.exec(text);
  const [, count, list] = match ?? [];
  if (count === undefined || list === undefined) return { count: 0, runs: [] };
  const runs = list.split(',').map((run) => {
    const [partition = '', base = '', length = ''] = run.split('.');
    return { partition: parseInt(partition, 36), baseOffset: parseInt(base, 36), count: parseInt(length, 36) };
  });
  return { count: parseInt(count, 36), runs };
}

function checksum(partitions: Int32Array): string {
  const bytes = Buffer.alloc(partitions.length * 4);
  partitions.forEach((partition, i) => bytes.writeInt32BE(partition, i * 4));
  return crc32c(bytes, 0, bytes.length).toString(36);
}
