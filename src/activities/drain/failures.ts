import type { DrainEnd, DrainFailure } from '../../domain/drain';
import type { ErrorCode } from '../../domain/errors';
import { ERROR_CODES, OutboxError, errorMessage, isOutboxError } from '../../domain/errors';
import type { DrainProgress } from './progress';
import type { Refusal } from './resend';
import type { BlockedTopic } from './screen';

/** How a drain fails whose remaining events all wait for their topics; null without any. */
export function blockedFailure(progress: DrainProgress): DrainFailure | null {
  const [first] = progress.blocked.values();
  if (first === undefined) return null;
  return { code: first.code, message: first.reason, breaker: true };
}

/** The events of which Kafka said that it will never take them; null for any other error. */
export function refusalOf(error: unknown): Refusal | null {
  if (!isOutboxError(error) || (error.code !== 'EVENT_TOO_LARGE' && error.code !== 'EVENT_REFUSED')) return null;
  const ids = error.details['eventIds'];
  if (!Array.isArray(ids) || ids.length === 0) return null;
  return { code: error.code, eventIds: ids.map(String), reason: error.message };
}

const TOPIC_CODES: readonly ErrorCode[] = ['KAFKA_TOPIC_MISSING', 'KAFKA_TOPIC_FORBIDDEN', 'KAFKA_TOPIC_NOT_ALLOWED'];

/** A topic that refused a send although it looked healthy before: its events wait, the rest goes on. */
export function blockedTopicOf(error: unknown): BlockedTopic | null {
  if (!isOutboxError(error) || !TOPIC_CODES.includes(error.code)) return null;
  const topic = error.details['topic'];
  if (typeof topic !== 'string') return null;
  return { topic, code: error.code as BlockedTopic['code'], reason: error.message };
}

/** How a drain ends that was thrown out of its steps. */
export function endOf(error: unknown): DrainEnd {
  if (!isOutboxError(error)) return 'failed';
  if (error.code === 'FENCED') return 'fenced';
  return error.code === 'LEDGER_MISMATCH' ? 'halted' : 'failed';
}

/** What the workflow is told of an error; unknown ones are INTERNAL. */
export function failureOf(error: unknown): DrainFailure {
  const known = isOutboxError(error) ? error : new OutboxError('INTERNAL', errorMessage(error), { cause: error });
  const code: ErrorCode = known.code;
  return { code, message: known.message, breaker: ERROR_CODES[code].breaker };
}
