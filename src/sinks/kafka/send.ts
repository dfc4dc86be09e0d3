import { memberId } from '../../domain/event';
import type { OutgoingBatch } from '../sink';
import { failpoint } from '../../failpoints/failpoint';
import { AnswerError, CODE, isAnswer } from './answer-error';
import type { Deadline } from './deadline';
import { SendError } from './failures';
import type { SentRun, planPartitions } from './places';
import { writeRecordBatch } from './record-batch';
import type { KeyedEvent } from './record-batch';
import type { HeaderWriter } from './record-headers';
import type { Shared } from './shared';
import type { HealthyTopic } from './topic-directory';
import type { TransactionClient } from './transaction';

const MAX_RECORDS = 1_000;
/**
 * Sends to different partitions that are under way at once; those to one partition always follow each other. Measured with
 * 6 partitions of one broker: 1 lane 35-59k events/s, 2 lanes 49-86k, 3 lanes 50-70k, 6 lanes 37-64k (each on a busy machine).
 */
const LANES = 3;

/** What goes to one partition. */
export interface Group {
  readonly topic: string;
  readonly partition: number;
  readonly maxBatchBytes: number;
  readonly events: KeyedEvent[];
}

/** Events by topic and partition, each group in the order of the batch. */
export function groupEvents(
  batch: OutgoingBatch,
  plan: ReturnType<typeof planPartitions>,
  topics: ReadonlyMap<string, HealthyTopic>,
): Group[] {
  const groups: Group[] = [];
  const byTopic = new Map<string, Map<number, Group>>();
  for (const [i, event] of batch.events.entries()) {
    const { topic } = event;
    const partition = plan.partitions[i] ?? 0;
    let own = byTopic.get(topic);
    if (own === undefined) byTopic.set(topic, (own = new Map()));
    let group = own.get(partition);
    if (group === undefined) {
      group = { topic, partition, maxBatchBytes: topics.get(topic)?.maxBatchBytes ?? 0, events: [] };
      own.set(partition, group);
      groups.push(group);
    }
    group.events.push({ event, key: plan.keys[i] as Buffer });
  }
  return groups;
}

/** As AddPartitionsToTxn names them. */
export function partitionsOf(groups: readonly Group[]): { topic: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of groups) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition]);
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
}

/** Sends all groups. Sequence numbers count per partition, so partitions do not wait for each other. */
export async function sendAll(
  shared: Shared,
  client: TransactionClient,
  groups: readonly Group[],
  headers: HeaderWriter,
  deadline: Deadline,
): Promise<SentRun[]> {
  const runs: SentRun[] = [];
  const waiting = groups.values();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const group of waiting) {
      for (let from = 0; from < group.events.length;) {
        if (failed) return;
        const run = await shared.withWriter((writer) =>
          forgetting(shared, group.topic, () => sendOne(shared, client, group, from, headers, deadline, writer)),
        );
        runs.push(run);
        from += run.count;
        await failpoint('mid_send');
      }
    }
  };
  const lanes = Array.from({ length: Math.min(LANES, groups.length) }, () =>
    lane().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  await Promise.all(lanes);
  return runs;
}

async function sendOne(
  shared: Shared,
  client: TransactionClient,
  group: Group,
  from: number,
  headers: HeaderWriter,
  deadline: Deadline,
  writer: Parameters<TransactionClient['produce']>[2],
): Promise<SentRun> {
  const { topic, partition } = group;
  const limits = { bytes: Math.min(shared.settings.maxSendBytes, group.maxBatchBytes), records: MAX_RECORDS };
  let tries = 0;
  let attempted = 0;
  const leader = async (): Promise<number> => {
    if (tries > 0) shared.directory.forget(topic);
    tries += 1;
    const info = (await shared.directory.lookUp([topic])).get(topic);
    const node = info?.state === 'healthy' ? (info.leaders[partition] ?? -1) : -1;
    if (node < 0) throw new AnswerError(CODE.LEADER_NOT_AVAILABLE, 'Metadata', topic);
    return node;
  };
  try {
    const sent = await client.produce(deadline, { topic, partition, leader }, writer, (identity) => {
      attempted = writeRecordBatch(writer, group.events, from, limits, headers, identity);
      return attempted;
    });
    return { topic, partition, ...sent };
  } catch (error) {
    const refusedEvents = [
      CODE.MESSAGE_TOO_LARGE,
      CODE.RECORD_LIST_TOO_LARGE,
      CODE.INVALID_TIMESTAMP,
      CODE.INVALID_RECORD,
    ];
    if (!isAnswer(error, ...refusedEvents)) throw error;
    const events = group.events.slice(from, from + attempted);
    throw new SendError(
      error.code,
      topic,
      events.map(({ event }) => memberId(event)),
    );
  }
}

/**
 * Drops what is known about a topic that an answer contradicts, and about `sentTo` after any failure: a leader that died answers
 * nothing, and for the three minutes that its place is remembered, every send to it would fail.
 */
export async function forgetting<T>(shared: Shared, sentTo: string | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AnswerError && error.topic !== undefined) shared.directory.forget(error.topic);
    if (sentTo !== null) shared.directory.forget(sentTo);
    throw error;
  }
}
