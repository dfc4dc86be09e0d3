import { OutboxError } from '../../domain/errors';
import type { Barrier, Batch, LedgerRecord } from '../../domain/relay/types';
import { failpoint } from '../../failpoints/failpoint';
import type { AnswerError } from '../../sinks/kafka/answer-error';
import { CODE, isAnswer } from '../../sinks/kafka/answer-error';
import { Deadline } from '../../sinks/kafka/deadline';
import type { Phase } from '../../sinks/kafka/failures';
import type { HeaderWriter } from '../../sinks/kafka/record-headers';
import type { TopicDirectory, TopicInfo } from '../../sinks/kafka/topic-directory';
import type { RelaySettings } from '../relay-settings';
import type { Epoch } from './epoch';
import { ledgerPart, placesOf, planParts, topicPartitions } from './plan';
import type { Part, Plan } from './plan';
import type { Sender } from './sender';
import { ledgerTrouble } from './trouble';
import type { OutgoingRelayBatch, Placement, Refusal, TransactionResult } from './types';

/** Longest waits (ms) beside that for Produce; with it they stay below the transaction's time-out. */
const OPEN_MS = 5_000;
const END_MS = 6_000;

/** Called when a phase begins; throws if the producer may not go on. */
type Enter = (phase: Phase) => void;

/**
 * One transaction at a time: AddPartitionsToTxn → one Produce per leader, the ledger's record among them → EndTxn.
 * The commit is asked for only after every partition has said that it holds its part.
 */
export class Transaction {
  constructor(
    private readonly settings: RelaySettings,
    private readonly directory: TopicDirectory,
    private readonly epoch: Epoch,
    private readonly sender: Sender,
    private readonly relay: number,
  ) {}

  async run(batch: OutgoingRelayBatch, headers: HeaderWriter, enter: Enter): Promise<TransactionResult> {
    const { parts, refusals } = await this.#plan(batch);
    if (refusals.length > 0) return { kind: 'refused', refusals, epochSpent: false };
    const ledger = await this.#ledgerPart(recordOf(batch));
    const all = [...parts, ledger];
    const notOpened = await this.#open(all);
    if (notOpened !== null) return { kind: 'refused', refusals: [notOpened], epochSpent: false };
    enter('sending');
    await failpoint('relay_added');
    const sent = await this.sender.send(all, headers, new Deadline(this.settings.produceTimeoutMs));
    // The marker of an abort could not be written there, either, and this epoch would have to wait for it.
    const lame = sent.refusals.filter(({ code }) => code === 'KAFKA_TOPIC_UNAVAILABLE');
    const silent = [...sent.unanswered, ...lame].flatMap(({ topic, partition }) =>
      partition === null ? [] : [{ topic, partition }],
    );
    if (silent.length > 0) {
      const led = all.map(({ topic, partition, leader }) => ({ topic, partition, leader: leader < 0 ? null : leader }));
      return { kind: 'unanswered', partitions: silent, all: led };
    }
    enter('sending');
    await failpoint('relay_sent');
    this.#checkLedger(sent.refusals);
    enter('committing');
    const commit = sent.refusals.length === 0;
    const { repeated } = await this.#end(commit);
    if (!commit) return { kind: 'refused', refusals: sent.refusals, epochSpent: repeated };
    return {
      kind: 'committed',
      ledgerOffset: ledger.baseOffset,
      places: placements(batch, parts),
      epochSpent: repeated,
    };
  }

  async writeBarrier(barrier: Barrier, headers: HeaderWriter, enter: Enter): Promise<number> {
    const ledger = await this.#ledgerPart(barrier);
    const notOpened = await this.#open([ledger]);
    if (notOpened !== null) this.#checkLedger([notOpened]);
    enter('sending');
    const sent = await this.sender.send([ledger], headers, new Deadline(this.settings.kafka.requestTimeoutMs));
    this.#checkLedger(sent.refusals);
    if (sent.unanswered.length > 0) throw ledgerTrouble('KAFKA_TIMEOUT', ledger, 'it did not answer in time');
    enter('committing');
    const { repeated } = await this.#end(true);
    // A lost EndTxn that still arrives would end the first batch's transaction before its time.
    if (repeated) throw new OutboxError('KAFKA_INDEFINITE', 'EndTxn had to be repeated. Take over again.');
    return ledger.baseOffset;
  }

  /** Where each event goes. Partitions without a leader are looked at once more, since what is known may be minutes old. */
  async #plan(batch: OutgoingRelayBatch): Promise<Plan> {
    const topics = new Set<string>();
    for (const { events } of batch.groups) for (const { topic } of events) topics.add(topic);
    const plan = async (): Promise<Plan> =>
      planParts(batch, await this.directory.lookUp([...topics]), this.settings.kafka.keyStyle);
    const first = await plan();
    const stale = first.refusals.filter(({ partition }) => partition !== null);
    if (stale.length === 0) return first;
    for (const { topic } of stale) this.directory.forget(topic);
    return plan();
  }

  async #ledgerPart(record: LedgerRecord): Promise<Part> {
    const { codec, kafka } = this.settings;
    const info = (await this.directory.lookUp([kafka.ledgerTopic])).get(kafka.ledgerTopic);
    const part = ledgerPart(
      kafka.ledgerTopic,
      this.relay,
      leaderOf(info, this.relay),
      codec.encode(record, this.relay),
    );
    if (part.leader >= 0) return part;
    this.directory.forget(kafka.ledgerTopic);
    const why = info?.state === 'healthy' ? 'it has no leader, or does not exist' : (info?.reason ?? 'it is unknown');
    throw ledgerTrouble('KAFKA_UNAVAILABLE', part, why);
  }

  /** Opens the transaction. A topic that the coordinator does not take is answered as a refusal: then nothing was opened. */
  async #open(parts: readonly Part[]): Promise<Refusal | null> {
    const deadline = new Deadline(OPEN_MS);
    try {
      await deadline.race(this.epoch.addPartitions(deadline, topicPartitions(parts)));
      return null;
    } catch (error) {
      const refusal = refusedTopic(error, parts);
      if (refusal === null) throw error;
      this.directory.forget(refusal.topic);
      this.#checkLedger([refusal]);
      return refusal;
    }
  }

  async #end(commit: boolean): Promise<{ readonly repeated: boolean }> {
    const deadline = new Deadline(END_MS);
    return deadline.race(this.epoch.end(deadline, commit));
  }

  #checkLedger(refusals: readonly Refusal[]): void {
    const { ledgerTopic } = this.settings.kafka;
    const own = refusals.find(({ topic }) => topic === ledgerTopic);
    if (own !== undefined)
      throw ledgerTrouble('KAFKA_UNAVAILABLE', { topic: ledgerTopic, partition: this.relay }, own.reason);
  }
}

function recordOf({ fence, seq, groups }: OutgoingRelayBatch): Batch {
  return {
    kind: 'batch',
    fence,
    seq,
    groups: groups.map(({ publisher, events, fingerprints }) => ({
      publisher,
      members: events.map(({ id, replay }, i) => ({
        eventId: id,
        replayId: replay?.replayId ?? null,
        fingerprint: fingerprints[i] as number,
      })),
    })),
  };
}

function leaderOf(info: TopicInfo | undefined, partition: number): number {
  return info?.state === 'healthy' ? (info.leaders[partition] ?? -1) : -1;
}

function refusedTopic(error: unknown, parts: readonly Part[]): Refusal | null {
  const missing = isAnswer(error, CODE.UNKNOWN_TOPIC_OR_PARTITION, CODE.INVALID_TOPIC);
  if (!missing && !isAnswer(error, CODE.TOPIC_AUTHORIZATION_FAILED)) return null;
  const { topic, message } = error as AnswerError;
  const own = parts.filter((part) => part.topic === topic);
  if (topic === undefined || own.length === 0) return null;
  const [code, remedy] = missing
    ? (['KAFKA_TOPIC_MISSING', 'Create the topic, or allow its creation on demand.'] as const)
    : (['KAFKA_TOPIC_FORBIDDEN', 'Grant Write and Describe on the topic.'] as const);
  const events = own.flatMap(placesOf);
  return { topic, partition: null, code, reason: `${message}. ${remedy}`, events, byItself: false };
}

/** The place of each event, aligned with the batch's groups. */
function placements(batch: OutgoingRelayBatch, parts: readonly Part[]): Placement[][] {
  const places = batch.groups.map(({ events }) => new Array<Placement>(events.length));
  for (const { partition, baseOffset, groups, indexes } of parts) {
    for (let i = 0; i < groups.length; i += 1) {
      const own = places[groups[i] as number] as Placement[];
      own[indexes[i] as number] = { partition, offset: String(baseOffset + i) };
    }
  }
  return places;
}
