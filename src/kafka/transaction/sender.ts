import { setTimeout as delay } from 'node:timers/promises';
import { OutboxError } from '../../domain/errors';
import { AnswerError } from '../../sinks/kafka/answer-error';
import type { ByteWriter } from '../../sinks/kafka/byte-writer';
import type { Broker, Connections } from '../../sinks/kafka/connections';
import type { Deadline } from '../../sinks/kafka/deadline';
import { DeadlineError } from '../../sinks/kafka/deadline';
import { MalformedAnswerError } from '../../sinks/kafka/failures';
import { BATCH_OVERHEAD, endRecordBatch, writeRecordBatch } from '../../sinks/kafka/record-batch';
import type { HeaderWriter } from '../../sinks/kafka/record-headers';
import { UNREACHED } from '../../sinks/kafka/refusals';
import { Sequences } from '../../sinks/kafka/sequences';
import type { TopicDirectory } from '../../sinks/kafka/topic-directory';
import type { ProducedPart } from '../wire/produce';
import { produceRequest } from '../wire/produce';
import { answeredBy } from './answered-by';
import type { Epoch } from './epoch';
import { writeLedgerRecord } from './ledger-batch';
import { placesOf, withoutLeader } from './plan';
import type { Part } from './plan';
import type { Refusal } from './types';
import { verdictOf } from './verdicts';
import type { WriterPool } from './writer-pool';

/** A batch's one record batch per partition takes all of its events: the caller has sized it. */
const UNLIMITED = { bytes: Number.MAX_SAFE_INTEGER, records: Number.MAX_SAFE_INTEGER };

/** A leader that waits for followers answers before the time is over, and names the partitions that lack them: the others are well. */
const LEADERS_PART = 0.8;

export interface Sent {
  /** Nothing of these arrived, surely. */
  readonly refusals: Refusal[];
  /** Nobody can tell of these. */
  readonly unanswered: Part[];
}

/** Sends the parts of one transaction: one Produce request per leader, all leaders at once. */
export class Sender {
  readonly #sequences = new Sequences();

  constructor(
    private readonly connections: Connections,
    private readonly directory: TopicDirectory,
    private readonly epoch: Epoch,
    private readonly writers: WriterPool,
  ) {}

  /**
   * Resolves when every part has an answer or the time is over; parts that were taken have their offset then.
   * Rejects when the epoch is no good any more, or a connection broke.
   */
  async send(parts: readonly Part[], headers: HeaderWriter, deadline: Deadline): Promise<Sent> {
    const sent: Sent = { refusals: [], unanswered: [] };
    try {
      await this.#toLeaders(parts, headers, deadline, sent, 2);
    } catch (error) {
      // Who leads may be remembered for minutes: a leader that died would fail the next producer, too.
      this.#forget(parts);
      throw error;
    }
    this.#forget([...sent.unanswered, ...sent.refusals]);
    return sent;
  }

  #forget(named: readonly { readonly topic: string }[]): void {
    for (const { topic } of named) this.directory.forget(topic);
  }

  async #toLeaders(
    parts: readonly Part[],
    headers: HeaderWriter,
    deadline: Deadline,
    sent: Sent,
    wait: number,
  ): Promise<void> {
    const byLeader = new Map<number, Part[]>();
    for (const part of parts) {
      const own = byLeader.get(part.leader);
      if (own === undefined) byLeader.set(part.leader, [part]);
      else own.push(part);
    }
    await Promise.all(
      [...byLeader].map(async ([leader, own]) => {
        const again = await this.#toLeader(leader, own, headers, deadline, sent);
        if (again.length === 0) return;
        if (deadline.remaining() <= wait) return void sent.refusals.push(...again.map(withoutLeader));
        await delay(wait);
        const found = await this.#lookAgain(again, deadline, sent);
        await this.#toLeaders(found, headers, deadline, sent, Math.min(100, wait * 2));
      }),
    );
  }

  /** Resolves with the parts that may be sent again. */
  async #toLeader(
    leader: number,
    parts: readonly Part[],
    headers: HeaderWriter,
    deadline: Deadline,
    sent: Sent,
  ): Promise<readonly Part[]> {
    const broker = await this.#broker(leader, deadline);
    if (broker === null) return parts;
    return this.writers.lend(async (writer) => {
      const head = {
        transactionalId: this.epoch.transactionalId,
        timeoutMs: Math.max(1, Math.ceil(deadline.remaining() * LEADERS_PART)),
      };
      const request = produceRequest(writer, head, parts, (part) => this.#writeBatch(writer, part, headers));
      const answers = await answeredBy(deadline, this.connections.send(broker, request));
      if (answers === null) {
        sent.unanswered.push(...parts);
        return [];
      }
      return this.#judge(parts, answers, sent);
    });
  }

  #judge(parts: readonly Part[], answers: readonly ProducedPart[], sent: Sent): Part[] {
    const again: Part[] = [];
    const byName = new Map(answers.map((answer) => [`${answer.topic}/${answer.partition}`, answer]));
    if (byName.size !== parts.length || answers.length !== parts.length)
      throw new MalformedAnswerError(`the answer to Produce names ${answers.length} partitions of ${parts.length}`);
    for (const part of parts) {
      const answer = byName.get(`${part.topic}/${part.partition}`);
      if (answer === undefined)
        throw new MalformedAnswerError(`the answer to Produce does not name ${part.topic}/${part.partition}`);
      const verdict = verdictOf(answer.errorCode);
      switch (verdict.kind) {
        case 'done':
          this.#taken(part, answer.baseOffset);
          break;
        case 'again':
          again.push(part);
          break;
        case 'unknown':
          sent.unanswered.push(part);
          break;
        case 'refused':
          sent.refusals.push(refusalOf(part, answer, verdict));
          break;
        case 'over': {
          const error = new AnswerError(answer.errorCode, 'Produce', part.topic);
          throw new OutboxError(verdict.code, `${error.message}. Take over again.`, { cause: error });
        }
      }
    }
    return again;
  }

  #taken(part: Part, baseOffset: number): void {
    if (!Number.isSafeInteger(baseOffset) || baseOffset < 0)
      throw new MalformedAnswerError(`the answer to Produce has no offset for ${part.topic}/${part.partition}`);
    part.baseOffset = baseOffset;
    this.#sequences.advance(part.topic, part.partition, part.record === null ? part.events.length : 1);
  }

  /** Finds the leaders anew. Parts whose topic is gone are refused; those without a leader keep -1, and are looked at again. */
  async #lookAgain(parts: readonly Part[], deadline: Deadline, sent: Sent): Promise<Part[]> {
    this.#forget(parts);
    const topics = [...new Set(parts.map(({ topic }) => topic))];
    const known = await deadline.race(this.directory.lookUp(topics)).catch(() => null);
    return parts.filter((part) => {
      const info = known?.get(part.topic);
      part.leader = info?.state === 'healthy' ? (info.leaders[part.partition] ?? -1) : -1;
      if (info === undefined || info.state === 'healthy') return true;
      const code = info.state === 'forbidden' ? 'KAFKA_TOPIC_FORBIDDEN' : 'KAFKA_TOPIC_MISSING';
      const { topic, partition } = part;
      sent.refusals.push({ topic, partition, code, reason: info.reason, events: placesOf(part), byItself: false });
      return false;
    });
  }

  /** A leader that is not there, has left the cluster or cannot be connected to was sent nothing: null. */
  async #broker(leader: number, deadline: Deadline): Promise<Broker | null> {
    if (leader < 0) return null;
    try {
      return await deadline.race(this.connections.byNode(leader));
    } catch (error) {
      const gone = error instanceof DeadlineError || (error instanceof Error && UNREACHED.has(error.name));
      if (gone) return null;
      throw error;
    }
  }

  #writeBatch(writer: ByteWriter, part: Part, headers: HeaderWriter): void {
    const firstSequence = this.#sequences.next(part.topic, part.partition);
    const identity = { ...this.epoch.identity, firstSequence };
    if (part.record === null) {
      writeRecordBatch(writer, part.events, 0, UNLIMITED, headers, identity);
      return;
    }
    const start = writer.position;
    writer.ensure(BATCH_OVERHEAD);
    writer.position += BATCH_OVERHEAD;
    writeLedgerRecord(writer, part.record);
    const now = Date.now();
    endRecordBatch(writer, start, { count: 1, baseTimestamp: now, maxTimestamp: now }, identity);
  }
}

function refusalOf(
  part: Part,
  { errorCode, refusedRecords, reason }: ProducedPart,
  { code, remedy }: { readonly code: Refusal['code']; readonly remedy: string },
): Refusal {
  const { topic, partition } = part;
  const all = placesOf(part);
  const named = refusedRecords.flatMap((place) => all[place] ?? []);
  const { message } = new AnswerError(errorCode, 'Produce', topic);
  return {
    topic,
    partition,
    code,
    reason: `${message}${reason === '' ? '' : ` (${reason})`}. ${remedy}`,
    events: named.length > 0 ? named : all,
    byItself: named.length > 0 || all.length === 1,
  };
}
