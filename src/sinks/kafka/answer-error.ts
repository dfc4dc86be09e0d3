import { errorCodes } from 'kafkajs/src/protocol/error';

/** Error codes of Kafka's protocol that this sink decides by. */
export const CODE = {
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOADING: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  TOPIC_AUTHORIZATION_FAILED: 29,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_SASL_MECHANISM: 33,
  ILLEGAL_SASL_STATE: 34,
  TOPIC_ALREADY_EXISTS: 36,
  NOT_CONTROLLER: 41,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_PRODUCER_ID_MAPPING: 49,
  INVALID_TRANSACTION_TIMEOUT: 50,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  OPERATION_NOT_ATTEMPTED: 55,
  STORAGE_ERROR: 56,
  SASL_AUTHENTICATION_FAILED: 58,
  UNKNOWN_PRODUCER_ID: 59,
  INVALID_RECORD: 87,
  PRODUCER_FENCED: 90,
} as const;

/** Codes newer than kafkajs 2.2.4, which calls them all "unknown". */
const NEWER_NAMES: Readonly<Record<number, string>> = {
  89: 'THROTTLING_QUOTA_EXCEEDED',
  90: 'PRODUCER_FENCED',
  120: 'TRANSACTION_ABORTABLE',
};

/** A broker's answer that carries an error code: a definite "no" (as opposed to no answer at all). */
export class AnswerError extends Error {
  constructor(
    readonly code: number,
    /** The request it answers, e.g. `Produce`. */
    readonly request: string,
    /** The topic that the code is about, if it is about one. */
    readonly topic?: string,
  ) {
    super(`${request} was answered with ${nameOf(code)}${topic === undefined ? '' : ` for topic "${topic}"`}`);
    this.name = 'AnswerError';
  }
}

function nameOf(code: number): string {
  const name = errorCodes.find((known) => known.code === code)?.type ?? NEWER_NAMES[code];
  return name === undefined ? `error code ${code}` : `${name} (${code})`;
}

/** True if the error is an answer with one of these codes. */
export function isAnswer(error: unknown, ...codes: readonly number[]): error is AnswerError {
  return error instanceof AnswerError && codes.includes(error.code);
}
