import type { OutboxError } from '../../src/domain/errors';
import { isOutboxError } from '../../src/domain/errors';
import type { KafkaLogger, KafkaOptions } from '../../src/sinks/kafka/options';

const silent: KafkaLogger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
};

/** What is needed beside brokers and an installation. */
export const BARE: Pick<KafkaOptions, 'clientId' | 'topics' | 'logger'> = {
  clientId: 'test',
  topics: { isAllowed: () => true, create: null },
  logger: silent,
};

/** The OutboxError that `promise` rejects with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<OutboxError> {
  const error: unknown = await promise.then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  if (isOutboxError(error)) return error;
  throw error;
}
