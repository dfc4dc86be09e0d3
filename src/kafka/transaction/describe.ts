import { CODE, isAnswer } from '../../sinks/kafka/answer-error';
import type { Broker, Connections } from '../../sinks/kafka/connections';
import type { Deadline } from '../../sinks/kafka/deadline';
import { COORDINATOR_BUSY } from '../../sinks/kafka/refusals';
import { describeTransactions } from '../wire/describe-transactions';
import type { DescribedTransaction } from '../wire/describe-transactions';

const NOT_FOUND = 105;

/** The last transaction of an id as its coordinator has it; null = the id is unknown there. Changes nothing. */
export async function describeTransaction(
  connections: Connections,
  transactionalId: string,
  deadline: Deadline,
): Promise<DescribedTransaction | null> {
  return deadline.retry(
    async () => describeAt(connections, await connections.coordinator(transactionalId), transactionalId),
    (error) => isAnswer(error, ...COORDINATOR_BUSY),
  );
}

/** Asks this coordinator once. */
export async function describeAt(
  connections: Connections,
  coordinator: Broker,
  transactionalId: string,
): Promise<DescribedTransaction | null> {
  try {
    return await connections.send(coordinator, describeTransactions(transactionalId));
  } catch (error) {
    if (isAnswer(error, NOT_FOUND, CODE.INVALID_PRODUCER_ID_MAPPING)) return null;
    throw error;
  }
}

/** True once every partition of the transaction has its marker. */
export function isComplete({ state }: DescribedTransaction): boolean {
  return state === 'CompleteCommit' || state === 'CompleteAbort' || state === 'Empty' || state === 'Dead';
}
