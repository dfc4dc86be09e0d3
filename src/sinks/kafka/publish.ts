import { OutboxError } from '../../domain/errors';
import type { OutgoingBatch, Placement } from '../sink';
import { failpoint } from '../../failpoints/failpoint';
import { CODE, isAnswer } from './answer-error';
import type { Deadline } from './deadline';
import { MalformedAnswerError } from './failures';
import type { Phase } from './failures';
import type { KafkaSettings } from './options';
import { ledgerMetadata, shortMetadata } from './ledger-metadata';
import { assignPlaces, planPartitions } from './places';
import { HeaderWriter } from './record-headers';
import { forgetting, groupEvents, partitionsOf, sendAll } from './send';
import type { Shared } from './shared';
import type { HealthyTopic } from './topic-directory';
import type { TransactionClient } from './transaction';

export interface PublishSteps {
  readonly deadline: Deadline;
  readonly beforeCommit: (() => Promise<void>) | undefined;
  readonly keyStyle: KafkaSettings['keyStyle'];
  /** What the ledger must still say beside this transaction, -1 = nothing; null = whatever it says. */
  readonly believedSeq: number | null;
  /** Called when a phase begins; throws if the session may not go on. */
  readonly enter: (phase: Phase) => void;
}

/** D4: one transaction with all events of the batch and the ledger. Any rejection leaves the session in doubt. */
export async function publishBatch(
  shared: Shared,
  client: TransactionClient,
  publisher: string,
  batch: OutgoingBatch,
  steps: PublishSteps,
): Promise<readonly Placement[]> {
  const { deadline, keyStyle } = steps;
  const topics = await healthyTopics(shared, batch);
  const counts = new Map([...topics].map(([topic, info]) => [topic, info.leaders.length]));
  const plan = planPartitions(batch.events, counts, keyStyle);
  const groups = groupEvents(batch, plan, topics);

  steps.enter('prepare');
  if (groups.length > 0) await forgetting(shared, null, () => client.addPartitions(deadline, partitionsOf(groups)));
  steps.enter('sending');
  const headers = new HeaderWriter(`${publisher}@${batch.batchId}`);
  const [runs] = await Promise.all([sendAll(shared, client, groups, headers, deadline), client.addLedger(deadline)]);
  await failpoint('after_send');
  const places = assignPlaces(batch, plan, runs);
  if (places === null) throw new MalformedAnswerError('the answers to Produce do not cover all events');

  steps.enter('sending');
  const metadata = shared.placesFitLedger ? ledgerMetadata(batch, plan, runs) : shortMetadata(batch);
  try {
    await client.writeLedger(deadline, batch.seq, metadata);
  } catch (error) {
    // The broker's offset.metadata.max.bytes is below its default: the next batches go without places.
    if (isAnswer(error, CODE.OFFSET_METADATA_TOO_LARGE)) shared.placesFitLedger = false;
    throw error;
  }
  await failpoint('after_ledger_write');
  if (steps.believedSeq !== null) await confirmLedger(client, steps.believedSeq);
  steps.enter('sending');
  await steps.beforeCommit?.();
  await failpoint('before_commit');
  steps.enter('committing');
  await client.commit();
  return places;
}

/**
 * Looks a second time at what decided that this batch is the next one. A group coordinator that loses its partition while it
 * loads (a broker that was killed comes back, is fenced as its own predecessor, and leads again) answers for a moment from what it has
 * loaded so far: seen once as "no ledger" in a soak of mixed faults, Kafka 4.1.2. Had it shown the batch before, a committed one would have been
 * sent again. This sees an error that has passed by the time of the ledger write; one that stays is what `ledgerInLog` is for.
 */
export async function confirmLedger(client: TransactionClient, believedSeq: number): Promise<void> {
  const seq = Number((await client.ledgerBesideTransaction()).offset);
  if (seq === believedSeq) return;
  throw new OutboxError(
    'LEDGER_STALE',
    `the ledger was read as ${believedSeq} and is ${seq}: its coordinator had not loaded everything. Nothing was committed, the drain compares both sides again.`,
  );
}

async function healthyTopics(shared: Shared, batch: OutgoingBatch): Promise<Map<string, HealthyTopic>> {
  const topics = [...new Set(batch.events.map((event) => event.topic))];
  const known = await shared.directory.lookUp(topics);
  return new Map(
    topics.map((topic) => {
      const info = known.get(topic);
      if (info?.state === 'healthy') return [topic, info];
      const code = info?.state === 'forbidden' ? 'KAFKA_TOPIC_FORBIDDEN' : 'KAFKA_TOPIC_MISSING';
      throw new OutboxError(code, info?.reason ?? `Topic "${topic}" is unknown. Create it.`, { details: { topic } });
    }),
  );
}
