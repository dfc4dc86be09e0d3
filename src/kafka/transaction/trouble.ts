import { OutboxError } from '../../domain/errors';

/** The ledger's own partition cannot be written: no topic of tenants is to blame, and no relay of this partition can work. */
export function ledgerTrouble(
  code: 'KAFKA_UNAVAILABLE' | 'KAFKA_TIMEOUT',
  { topic, partition }: { readonly topic: string; readonly partition: number },
  why: string,
): OutboxError {
  return new OutboxError(
    code,
    `The ledger's partition ${topic}/${partition} cannot be written: ${why}. Run "migrate up" if it is missing, and check the brokers that hold it.`,
    { details: { ledger: true, topic, partition } },
  );
}
