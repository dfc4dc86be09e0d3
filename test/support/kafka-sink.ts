import { randomUUID } from 'node:crypto';
import type { OutboxError } from '../../src/domain/errors';
import { isOutboxError } from '../../src/domain/errors';
import type { OutboxEvent } from '../../src/domain/event';
import { createKafkaSink } from '../../src/sinks/kafka';
import type { KafkaSinkLogger, KafkaSinkOptions } from '../../src/sinks/kafka';
import type { OutgoingBatch, Sink, SinkSession } from '../../src/sinks/sink';

export const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
export const PATIENT = { deadlineMs: 20_000 };

const silent: KafkaSinkLogger = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined,
};

/** What a sink needs beside brokers and an installation. */
export const BARE: Pick<KafkaSinkOptions, 'clientId' | 'topics' | 'logger'> = {
  clientId: 'test',
  topics: { isAllowed: () => true, create: null },
  logger: silent,
};

/** A sink of an installation of its own, and what it counted. */
export interface TestSink extends Sink {
  readonly outcomes: string[];
  readonly reinits: string[];
  /** Opens a session and takes over. */
  takeOver(): Promise<SinkSession>;
}

export function testSink(brokers: readonly string[], options: Partial<KafkaSinkOptions> = {}): TestSink {
  const outcomes: string[] = [];
  const reinits: string[] = [];
  const sink = createKafkaSink({
    ...BARE,
    brokers,
    installId: randomUUID(),
    onTransaction: (outcome) => outcomes.push(outcome),
    onReinit: (reason) => reinits.push(reason),
    ...options,
  });
  return {
    ...sink,
    outcomes,
    reinits,
    takeOver: async () => {
      const session = sink.open(REF);
      await session.takeOver();
      return session;
    },
  };
}

export function batchOf(seq: number, events: readonly OutboxEvent[]): OutgoingBatch {
  return { batchId: randomUUID(), seq, events };
}

/** The OutboxError that `promise` rejects with; anything else fails the test. */
export async function failure(promise: Promise<unknown>): Promise<OutboxError> {
  const error: unknown = await promise.then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  if (isOutboxError(error)) return error;
  throw error;
}
