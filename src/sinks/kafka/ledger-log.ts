import { randomUUID } from 'node:crypto';
import type { AnswerError } from './answer-error';
import { CODE, isAnswer } from './answer-error';
import type { Connections } from './connections';
import { Deadline } from './deadline';
import { MalformedAnswerError } from './failures';
import { LedgerLogFold } from './ledger-log-fold';
import type { OffsetKey, OffsetValue } from './offset-record';
import { EARLIEST, LATEST, OFFSETS_TOPIC, OffsetsLog } from './offsets-log';

/**
 * Beyond the age that is asked for: by this much the clocks of two brokers that lead the partition one after the other may differ, or a
 * clock may be set while a batch is unsettled.
 */
const MARGIN_MS = 300_000;
/** How long a leader that moves, or does not have the barrier yet, is asked again. */
const PATIENCE_MS = 5_000;
const MAY_PASS = [
  CODE.NOT_LEADER,
  CODE.LEADER_NOT_AVAILABLE,
  CODE.OFFSET_OUT_OF_RANGE,
  CODE.REQUEST_TIMED_OUT,
  CODE.UNKNOWN_TOPIC_OR_PARTITION,
] as const;

export type LoggedLedger =
  | { readonly kind: 'read'; readonly entry: OffsetValue | null }
  | { readonly kind: 'unreadable'; readonly reason: string };

export interface LedgerLogRequest {
  readonly ledger: OffsetKey;
  /** How far back the first record lies that matters, ms; Infinity = read all. */
  readonly ageMs: number;
  /** Writes the barrier: a ledger entry with this metadata in this session's own transaction, which is never committed. */
  readonly writeBarrier: (metadata: string) => Promise<void>;
}

/**
 * What the log itself says of a ledger, not the coordinator that has loaded it. The clocks of Postgres and the brokers need not agree:
 * the age is counted back from the barrier's own time.
 * Rejects with what Kafka answered, or a DeadlineError; unreadable is only what asking again does not mend.
 */
export async function readLedgerLog(
  connections: Connections,
  { ledger, ageMs, writeBarrier }: LedgerLogRequest,
  deadline: Deadline,
): Promise<LoggedLedger> {
  // As long as a batch's: no broker that takes those refuses it for its length.
  const barrier = `0 ${randomUUID()}`;
  const fold = (): LedgerLogFold => new LedgerLogFold(ledger, barrier);
  const open = (): Promise<OffsetsLog> => OffsetsLog.open(connections, ledger.group);
  const before = await reading(async () => (await open()).offsetAt(LATEST));
  if (before.kind === 'unreadable') return before;
  await writeBarrier(barrier);
  let end = before.value;
  const read = await reading(
    async () => {
      const log = await open();
      const start = ageMs === Infinity ? EARLIEST : (await log.read(end, fold(), deadline)) - ageMs - MARGIN_MS;
      const whole = fold();
      await log.read(await log.offsetAt(start > 0 ? Math.floor(start) : EARLIEST), whole, deadline);
      return whole.result();
    },
    (error) => {
      // The end that was asked of the leader before is beyond the log of the one after it.
      if (isAnswer(error, CODE.OFFSET_OUT_OF_RANGE)) end = 0;
    },
  );
  return read.kind === 'unreadable' ? read : { kind: 'read', entry: read.value };
}

/** Null if the log of a group's ledger may be read, else why not. For doctor: writes nothing. */
export async function whyLogUnreadable(connections: Connections, group: string): Promise<string | null> {
  const tried = await reading(async () => {
    const log = await OffsetsLog.open(connections, group);
    await log.fetch(await log.offsetAt(LATEST));
  });
  return tried.kind === 'unreadable' ? tried.reason : null;
}

type Unreadable = Extract<LoggedLedger, { kind: 'unreadable' }>;

/** Asks again for what may pass by itself. */
async function reading<T>(
  work: () => Promise<T>,
  failed: (error: unknown) => void = () => undefined,
): Promise<Unreadable | { readonly kind: 'done'; readonly value: T }> {
  try {
    const value = await new Deadline(PATIENCE_MS).retry(work, (error) => {
      failed(error);
      return error instanceof MalformedAnswerError || (isAnswer(error, ...MAY_PASS) && !isMissing(error));
    });
    return { kind: 'done', value };
  } catch (error) {
    const reason = whyUnreadable(error);
    if (reason === null) throw error;
    return { kind: 'unreadable', reason };
  }
}

/** No such topic: not told by a leader that has just moved, but by the list of topics. */
function isMissing(error: unknown): boolean {
  return isAnswer(error, CODE.UNKNOWN_TOPIC_OR_PARTITION) && (error as AnswerError).request === 'Metadata';
}

/** Null for what may pass by itself: then the caller fails as at any other answer. */
function whyUnreadable(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const what = `topic ${OFFSETS_TOPIC} cannot be read: ${error.message}.`;
  if (isAnswer(error, CODE.TOPIC_AUTHORIZATION_FAILED) || isMissing(error))
    return `${what} Grant Read and Describe on it, else the coordinator alone is asked.`;
  if (error instanceof MalformedAnswerError || error instanceof RangeError)
    return `${what} The coordinator alone is asked.`;
  // kafkajs decompresses gzip only, and brokers may be told to compress this topic.
  if (error.name === 'KafkaJSNotImplemented')
    return `${what} Set offsets.topic.compression.codec to its default; it is read again when what is compressed is gone.`;
  return null;
}
