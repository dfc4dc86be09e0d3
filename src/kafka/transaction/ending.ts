import { setTimeout as delay } from 'node:timers/promises';
import { AnswerError, CODE, isAnswer } from '../../sinks/kafka/answer-error';
import type { Connections } from '../../sinks/kafka/connections';
import { Deadline, DeadlineError } from '../../sinks/kafka/deadline';
import type { ProducerIdentity } from '../../sinks/kafka/record-batch';
import { COORDINATOR_BUSY } from '../../sinks/kafka/refusals';
import type { DescribedTransaction } from '../wire/describe-transactions';

/** A request without an answer is repeated after this (ms). */
const REPEAT_MS = 1_500;

/** Sends EndTxn once. Resolves when it was acknowledged, rejects with an AnswerError for a definite no. */
export type EndOnce = (connections: Connections) => Promise<void>;

/** What the coordinator has made of a producer's last transaction; null = it is not decided, or not that producer's. */
export type Decision = 'committed' | 'aborted' | null;

/**
 * Ends a transaction: the only request that is repeated without an answer, because it says the same each time. A repetition goes over a
 * connection of its own, since a silent one holds back what follows on it. `repeated`: a lost request may still arrive and would end the
 * next transaction of the epoch, so there must be none.
 *
 * CONCURRENT_TRANSACTIONS after a lost one may mean that it was decided and that a partition without leader keeps its marker from being
 * written, for as long as that lasts. `look` asks which way.
 */
export async function endTransaction(
  once: EndOnce,
  own: Connections,
  fresh: () => Connections,
  deadline: Deadline,
  wanted: Exclude<Decision, null>,
  look: () => Promise<Decision>,
): Promise<{ readonly repeated: boolean }> {
  const underWay = new Map<number, Promise<Attempt>>();
  let connections = own;
  let repeated = false;
  let wait = 2;
  for (let number = 1; ; number += 1) {
    deadline.check();
    underWay.set(number, attempt(number, once(connections)));
    const result = await firstOf(underWay, Math.min(REPEAT_MS, deadline.remaining()));
    if (result?.error === null) return { repeated };
    if (result !== null) underWay.delete(result.number);
    if (result?.error instanceof AnswerError) {
      // Refused: nothing was done, and what was sent is not on its way any more.
      if (!isAnswer(result.error, ...COORDINATOR_BUSY) || deadline.remaining() < wait) throw result.error;
      if (repeated && isAnswer(result.error, CODE.CONCURRENT_TRANSACTIONS)) {
        const decision = await deadline.race(look()).catch(() => null);
        if (decision === wanted) return { repeated };
        if (decision !== null) throw result.error;
      }
      await delay(wait);
      wait = Math.min(200, wait * 2);
    } else {
      repeated = true;
      connections = fresh();
    }
  }
}

/** Markers that are still to be written change nothing of what was decided. Another producer or epoch tells nothing of this one. */
export function decisionOf(
  described: Pick<DescribedTransaction, 'state' | 'producerId' | 'producerEpoch'> | null,
  { producerId, producerEpoch }: Pick<ProducerIdentity, 'producerId' | 'producerEpoch'>,
): Decision {
  if (described === null) return null;
  if (BigInt(described.producerId) !== producerId || described.producerEpoch !== producerEpoch) return null;
  if (described.state === 'PrepareCommit' || described.state === 'CompleteCommit') return 'committed';
  return described.state === 'PrepareAbort' || described.state === 'CompleteAbort' ? 'aborted' : null;
}

interface Attempt {
  readonly number: number;
  /** Null = acknowledged. */
  readonly error: unknown;
}

/** Never rejects: earlier attempts go on while the next one is under way. */
function attempt(number: number, sent: Promise<void>): Promise<Attempt> {
  return sent.then(
    () => ({ number, error: null }),
    (error: unknown) => ({ number, error: error ?? new Error('unknown') }),
  );
}

/** The first attempt that has an answer, or null after `ms`. */
async function firstOf(underWay: ReadonlyMap<number, Promise<Attempt>>, ms: number): Promise<Attempt | null> {
  try {
    return await new Deadline(ms).race(Promise.race(underWay.values()));
  } catch (error) {
    if (error instanceof DeadlineError) return null;
    throw error;
  }
}
