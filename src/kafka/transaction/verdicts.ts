import type { ErrorCode } from '../../domain/errors';
import { CODE } from '../../sinks/kafka/answer-error';

const CORRUPT_MESSAGE = 2;
const POLICY_VIOLATION = 44;
const FENCED_LEADER_EPOCH = 74;

/**
 * What one partition's answer to Produce means.
 * done      appended              again     surely not appended, a fresh look at the leaders (or a moment) can heal it
 * refused   surely not appended, and asking again does not help: its sequence has not advanced
 * unknown   appended or not, nobody can tell: as if there were no answer
 * over      the producer's epoch is no good any more
 */
export type Verdict =
  | { readonly kind: 'done' | 'again' | 'unknown' }
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly remedy: string }
  | { readonly kind: 'over'; readonly code: 'KAFKA_FENCED' | 'KAFKA_INDEFINITE' };

const DONE: Verdict = { kind: 'done' };
const AGAIN: Verdict = { kind: 'again' };
const UNKNOWN: Verdict = { kind: 'unknown' };
const FENCED: Verdict = { kind: 'over', code: 'KAFKA_FENCED' };
const INDEFINITE: Verdict = { kind: 'over', code: 'KAFKA_INDEFINITE' };
const refused = (code: ErrorCode, remedy: string): Verdict => ({ kind: 'refused', code, remedy });
const TOO_LARGE = refused('EVENT_TOO_LARGE', "Raise the topic's max.message.bytes, or send fewer or smaller events.");
const BAD_RECORD = refused(
  'EVENT_REFUSED',
  "Check the topic's timestamp limits and cleanup policy, or skip the event.",
);
const OTHERWISE = refused('KAFKA_REFUSED', "Look for the reason in the brokers' logs.");

const VERDICTS: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [0, DONE],
  [CODE.NOT_LEADER, AGAIN],
  [CODE.LEADER_NOT_AVAILABLE, AGAIN],
  [FENCED_LEADER_EPOCH, AGAIN],
  // Also what brokers answer while they cannot verify yet that the partition is in the transaction.
  [CODE.NOT_ENOUGH_REPLICAS, AGAIN],
  // The coordinator did not answer that same question.
  [CODE.NETWORK_EXCEPTION, AGAIN],
  [CODE.UNKNOWN_TOPIC_OR_PARTITION, AGAIN],
  [CODE.MESSAGE_TOO_LARGE, TOO_LARGE],
  [CODE.RECORD_LIST_TOO_LARGE, TOO_LARGE],
  [CODE.INVALID_TIMESTAMP, BAD_RECORD],
  [CODE.INVALID_RECORD, BAD_RECORD],
  [CODE.TOPIC_AUTHORIZATION_FAILED, refused('KAFKA_TOPIC_FORBIDDEN', 'Grant Write and Describe on the topic.')],
  [CODE.INVALID_TOPIC, refused('KAFKA_TOPIC_MISSING', 'Create the topic, or allow its creation on demand.')],
  [CORRUPT_MESSAGE, OTHERWISE],
  [POLICY_VIOLATION, OTHERWISE],
  [CODE.REQUEST_TIMED_OUT, UNKNOWN],
  [CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND, UNKNOWN],
  [CODE.STORAGE_ERROR, UNKNOWN],
  [CODE.INVALID_PRODUCER_EPOCH, FENCED],
  [CODE.PRODUCER_FENCED, FENCED],
]);

/** An error code that is not known may mean anything, so nothing may follow in this epoch. */
export function verdictOf(errorCode: number): Verdict {
  return VERDICTS.get(errorCode) ?? INDEFINITE;
}
