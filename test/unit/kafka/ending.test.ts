import { endTransaction } from '../../../src/kafka/transaction/ending';
import type { EndOnce } from '../../../src/kafka/transaction/ending';
import { AnswerError, CODE } from '../../../src/sinks/kafka/answer-error';
import { Connections } from '../../../src/sinks/kafka/connections';
import { Deadline } from '../../../src/sinks/kafka/deadline';
import { withDefaults } from '../../../src/sinks/kafka/options';
import { BARE } from '../../support/kafka-sink';

/** Nothing is connected by making them; here they only tell one attempt's way from another's. */
const made = (): Connections => new Connections(withDefaults({ ...BARE, brokers: ['127.0.0.1:1'], installId: 'x' }));

type Outcome = 'acknowledged' | 'silence' | 'broken' | number;

/** Ends a transaction whose attempts go as listed; the ways they took, by number of the connections. */
async function ended(outcomes: readonly Outcome[], limitMs = 20_000): Promise<{ repeated: boolean; ways: number[] }> {
  const all = [made()];
  const ways: number[] = [];
  const once: EndOnce = (connections) => {
    const outcome = outcomes[ways.length];
    ways.push(all.indexOf(connections));
    if (outcome === 'acknowledged') return Promise.resolve();
    if (outcome === 'broken') return Promise.reject(new Error('closed'));
    if (typeof outcome === 'number') return Promise.reject(new AnswerError(outcome, 'EndTxn'));
    return new Promise(() => undefined);
  };
  const fresh = (): Connections => {
    all.push(made());
    return all.at(-1)!;
  };
  const { repeated } = await endTransaction(once, all[0]!, fresh, new Deadline(limitMs));
  return { repeated, ways };
}

describe('the end of a transaction', () => {
  it('is asked for once where it is acknowledged', async () => {
    expect(await ended(['acknowledged'])).toEqual({ repeated: false, ways: [0] });
  });

  it('is asked for again on the same way after a definite no, which spends nothing', async () => {
    const busy = [CODE.COORDINATOR_LOADING, CODE.CONCURRENT_TRANSACTIONS, CODE.NOT_COORDINATOR];
    expect(await ended([...busy, 'acknowledged'])).toEqual({ repeated: false, ways: [0, 0, 0, 0] });
  });

  it('is repeated on another way after silence or a broken connection, which spends the epoch', async () => {
    expect(await ended(['broken', 'acknowledged'])).toEqual({ repeated: true, ways: [0, 1] });
    expect(await ended(['silence', 'broken', CODE.CONCURRENT_TRANSACTIONS, 'acknowledged'])).toEqual({
      repeated: true,
      ways: [0, 1, 2, 2],
    });
  });

  it('is given up at a no that waiting does not change, and when the time is over', async () => {
    await expect(ended([CODE.INVALID_PRODUCER_EPOCH])).rejects.toMatchObject({ code: CODE.INVALID_PRODUCER_EPOCH });
    await expect(ended(['silence', 'silence'], 100)).rejects.toThrow('not done within');
  });
});
