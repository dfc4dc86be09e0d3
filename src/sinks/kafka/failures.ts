import { OutboxError, errorMessage, isOutboxError } from '../../domain/errors';
import type { ErrorCode } from '../../domain/errors';
import { AnswerError, CODE } from './answer-error';
import { DeadlineError } from './deadline';

/**
 * How far a transaction was when something failed.
 * `prepare`: no record was sent, so the transaction surely holds nothing; `sending`: records or the ledger may have
 * arrived, but no commit was requested; `committing`: the commit may have happened.
 */
export type Phase = 'prepare' | 'sending' | 'committing';

type Verdict = readonly [code: ErrorCode, remedy: string, details?: Readonly<Record<string, unknown>>];

const FENCED: Verdict = [
  'KAFKA_FENCED',
  'A newer producer of this relay exists, or the coordinator timed the transaction out; take over again.',
];
const REINIT: Verdict = [
  'KAFKA_INDEFINITE',
  'The producer id has expired on the broker; take over again.',
  { reinit: true },
];
const TOO_LARGE: Verdict = ['EVENT_TOO_LARGE', "Raise the topic's max.message.bytes, or skip the event."];
const REFUSED_EVENT: Verdict = [
  'EVENT_REFUSED',
  "Check the topic's timestamp limits and cleanup policy, or skip the event.",
];
const MISSING: Verdict = ['KAFKA_TOPIC_MISSING', 'Create the topic, or allow its creation on demand.'];
const NOT_AUTHORIZED: Verdict = [
  'KAFKA_NOT_AUTHORIZED',
  "Grant the worker's principal its rights on transactional ids, the ledger's topic and the cluster.",
];
const AUTHENTICATION: Verdict = ['KAFKA_AUTHENTICATION', 'Check the SASL mechanism, user name and password.'];
const UNAVAILABLE: Verdict = ['KAFKA_UNAVAILABLE', 'Check that the brokers run and can be reached.'];
const TIMEOUT: Verdict = [
  'KAFKA_TIMEOUT',
  'Check the load of the brokers and the network, or raise the request time-out.',
];
const TRANSACTION_TIMEOUT: Verdict = [
  'KAFKA_REFUSED',
  "Set the transaction time-out to no more than the brokers' transaction.max.timeout.ms.",
];
const INDEFINITE: Verdict = ['KAFKA_INDEFINITE', 'The outcome is unknown until the ledger is read; take over again.'];
const REFUSED: Verdict = ['KAFKA_REFUSED', "Look for the reason in the brokers' logs."];
const INTERNAL: Verdict = ['INTERNAL', 'Report this as a defect.'];

const ANSWERS: ReadonlyMap<number, Verdict> = new Map<number, Verdict>([
  [CODE.INVALID_PRODUCER_EPOCH, FENCED],
  [CODE.PRODUCER_FENCED, FENCED],
  [CODE.INVALID_PRODUCER_ID_MAPPING, REINIT],
  [CODE.UNKNOWN_PRODUCER_ID, REINIT],
  [CODE.MESSAGE_TOO_LARGE, TOO_LARGE],
  [CODE.RECORD_LIST_TOO_LARGE, TOO_LARGE],
  [CODE.INVALID_TIMESTAMP, REFUSED_EVENT],
  [CODE.INVALID_RECORD, REFUSED_EVENT],
  [CODE.UNKNOWN_TOPIC_OR_PARTITION, MISSING],
  [CODE.INVALID_TOPIC, MISSING],
  [CODE.TOPIC_AUTHORIZATION_FAILED, ['KAFKA_TOPIC_FORBIDDEN', 'Grant Write and Describe on the topic.']],
  [CODE.CLUSTER_AUTHORIZATION_FAILED, NOT_AUTHORIZED],
  [CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, NOT_AUTHORIZED],
  [CODE.UNSUPPORTED_SASL_MECHANISM, AUTHENTICATION],
  [CODE.ILLEGAL_SASL_STATE, AUTHENTICATION],
  [CODE.SASL_AUTHENTICATION_FAILED, AUTHENTICATION],
  [CODE.LEADER_NOT_AVAILABLE, UNAVAILABLE],
  [CODE.NOT_LEADER, UNAVAILABLE],
  [CODE.COORDINATOR_LOADING, UNAVAILABLE],
  [CODE.COORDINATOR_NOT_AVAILABLE, UNAVAILABLE],
  [CODE.NOT_COORDINATOR, UNAVAILABLE],
  [CODE.NOT_ENOUGH_REPLICAS, UNAVAILABLE],
  [CODE.STORAGE_ERROR, UNAVAILABLE],
  [CODE.NOT_CONTROLLER, UNAVAILABLE],
  [CODE.REQUEST_TIMED_OUT, TIMEOUT],
  [CODE.CONCURRENT_TRANSACTIONS, TIMEOUT],
  [CODE.INVALID_TRANSACTION_TIMEOUT, TRANSACTION_TIMEOUT],
]);

/** Answers that stay what they are although records were sent: all else in mid-transaction is a doubt. */
const DEFINITE_WHILE_SENDING: ReadonlySet<ErrorCode> = new Set([
  'KAFKA_FENCED',
  'EVENT_TOO_LARGE',
  'EVENT_REFUSED',
  'KAFKA_TOPIC_MISSING',
  'KAFKA_TOPIC_FORBIDDEN',
  'KAFKA_NOT_AUTHORIZED',
  'KAFKA_AUTHENTICATION',
  'KAFKA_REFUSED',
]);

export interface Circumstances {
  readonly phase: Phase;
  /** What was being done, for the message: "sending batch 7". */
  readonly doing: string;
}

/** Any error as an OutboxError whose code says what the caller may conclude. */
export function asOutboxError(error: unknown, { phase, doing }: Circumstances): OutboxError {
  if (isOutboxError(error)) return error;
  const [code, remedy, details] = inPhase(verdictOf(error), phase);
  const topic = error instanceof AnswerError ? error.topic : undefined;
  return new OutboxError(code, `${doing}: ${errorMessage(error)}. ${remedy}`, {
    cause: error,
    details: {
      phase,
      ...details,
      ...(topic === undefined ? {} : { topic }),
    },
  });
}

/** The broker does not take the user or the password: trying again with the same ones mends nothing. */
export function isRefusedLogin(error: unknown): boolean {
  return verdictOf(error) === AUTHENTICATION;
}

/** An answer that does not say what it must; nothing may be concluded from it. */
export class MalformedAnswerError extends Error {}

function inPhase(verdict: Verdict, phase: Phase): Verdict {
  const [code] = verdict;
  if (phase === 'prepare') return verdict === INDEFINITE ? UNAVAILABLE : verdict;
  if (phase === 'committing') return code === 'KAFKA_FENCED' || verdict === REINIT ? verdict : INDEFINITE;
  return DEFINITE_WHILE_SENDING.has(code) || verdict === REINIT ? verdict : INDEFINITE;
}

function verdictOf(error: unknown): Verdict {
  if (error instanceof AnswerError) return ANSWERS.get(error.code) ?? REFUSED;
  if (error instanceof DeadlineError) return TIMEOUT;
  if (error instanceof MalformedAnswerError) return INDEFINITE;
  for (const cause of causesOf(error)) {
    const verdict = ofKafkajs(cause);
    if (verdict !== null) return verdict;
  }
  return INTERNAL;
}

/** kafkajs wraps errors that its own connect loop gave up on, and says what they are by their names. */
function ofKafkajs(error: Error): Verdict | null {
  switch (error.name) {
    case 'KafkaJSSASLAuthenticationError':
      return AUTHENTICATION;
    case 'KafkaJSRequestTimeoutError':
    case 'KafkaJSLockTimeout':
    case 'KafkaJSTimeout':
      return TIMEOUT;
    case 'KafkaJSConnectionError':
    case 'KafkaJSConnectionClosedError':
    case 'KafkaJSBrokerNotFound':
    case 'KafkaJSMetadataNotLoaded':
    case 'KafkaJSNoBrokerAvailableError':
      return UNAVAILABLE;
    case 'KafkaJSProtocolError':
      return 'code' in error && typeof error.code === 'number' ? (ANSWERS.get(error.code) ?? REFUSED) : REFUSED;
    case 'KafkaJSServerDoesNotSupportApiKey':
      return REFUSED;
    default:
      // Thrown where a broker's connection was torn down between its choice and the request: nothing was sent.
      return error.message === 'Broker not connected' ? UNAVAILABLE : null;
  }
}

function* causesOf(error: unknown): Generator<Error> {
  for (let depth = 0, at = error; at instanceof Error && depth < 5; depth += 1, at = at.cause) yield at;
}
