import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '../../domain/errors';
import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import { Connections } from '../../sinks/kafka/connections';
import { Deadline } from '../../sinks/kafka/deadline';
import { asOutboxError } from '../../sinks/kafka/failures';
import type { KafkaSettings } from '../../sinks/kafka/options';
import type { TopicPartitions } from '../../sinks/kafka/protocol';
import { describeTransaction, isComplete } from './describe';
import { Epoch } from './epoch';

const LOOK_MS = 10;

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/**
 * clear     each partition took its marker: a transaction with it ends
 * pending   these have not taken theirs: a transaction with one of them would not end. The probe's id is in use until they have
 * busy      the id of the probe still waits for the partitions of an earlier one
 * refused   the coordinator does not take this topic, or the right to it is lacking; nothing was opened
 */
export type ProbeResult =
  | { readonly kind: 'clear' | 'busy' }
  | { readonly kind: 'pending'; readonly partitions: readonly PartitionName[] }
  | { readonly kind: 'refused'; readonly topic: string; readonly code: ErrorCode; readonly reason: string };

/**
 * Adds the partitions to a transaction of an id of its own and aborts it: writes nothing but markers, so consumers see nothing. Only with
 * partitions that have a leader by fresh metadata. Rejects with an OutboxError if Kafka does not answer: then nothing was learned.
 */
export async function probePartitions(
  settings: KafkaSettings,
  transactionalId: string,
  topics: readonly TopicPartitions[],
  limitMs: number,
): Promise<ProbeResult> {
  const opened: Connections[] = [];
  const connect = (): Connections => {
    const connections = new Connections(settings);
    opened.push(connections);
    return connections;
  };
  const connections = connect();
  const deadline = new Deadline(limitMs);
  const epoch = new Epoch(connections, transactionalId, settings.transactionTimeoutMs, connect);
  try {
    return await deadline.race(probe(connections, epoch, topics, deadline));
  } catch (error) {
    throw asOutboxError(error, { phase: 'prepare', doing: 'probing partitions' });
  } finally {
    for (const one of opened) one.destroy();
  }
}

async function probe(
  connections: Connections,
  epoch: Epoch,
  topics: readonly TopicPartitions[],
  deadline: Deadline,
): Promise<ProbeResult> {
  const before = await describeTransaction(connections, epoch.transactionalId, deadline);
  if (before !== null && !isComplete(before) && before.state !== 'Ongoing') return { kind: 'busy' };
  await epoch.initialise(deadline);
  try {
    await epoch.addPartitions(deadline, topics);
  } catch (error) {
    if (error instanceof AnswerError && error.topic !== undefined && isAnswer(error, ...OF_TOPICS))
      return refusal(error, error.topic);
    throw error;
  }
  await epoch.end(deadline, false);
  // What is left for a look and its answer before the limit.
  const enough = new Deadline(Math.max(0, deadline.remaining() - 20 * LOOK_MS));
  for (;;) {
    const now = await describeTransaction(connections, epoch.transactionalId, deadline);
    if (now === null || isComplete(now)) return { kind: 'clear' };
    if (enough.remaining() <= 0) return { kind: 'pending', partitions: now.partitions };
    await delay(LOOK_MS);
  }
}

const OF_TOPICS = [CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.INVALID_TOPIC, CODE.TOPIC_AUTHORIZATION_FAILED] as const;

function refusal(error: AnswerError, topic: string): ProbeResult {
  const { code, message } = asOutboxError(error, { phase: 'prepare', doing: `probing topic "${topic}"` });
  return { kind: 'refused', topic, code, reason: message };
}
