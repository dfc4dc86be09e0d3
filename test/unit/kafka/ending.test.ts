import fc from 'fast-check';
import { decisionOf, endTransaction } from '../../../src/kafka/transaction/ending';
import type { Decision, EndOnce } from '../../../src/kafka/transaction/ending';
import { AnswerError, CODE } from '../../../src/sinks/kafka/answer-error';
import { Connections } from '../../../src/sinks/kafka/connections';
import { Deadline } from '../../../src/sinks/kafka/deadline';
import { withDefaults } from '../../../src/sinks/kafka/options';
import { BARE } from '../../support/kafka-bare';

/** Nothing is connected by making them; here they only tell one attempt's way from another's. */
const made = (): Connections => new Connections(withDefaults({ ...BARE, brokers: ['127.0.0.1:1'], installId: 'x' }));

type Outcome = 'acknowledged' | 'silence' | 'broken' | number;

/** Ends a transaction whose attempts go as listed; the ways they took, by number of the connections. */
async function ended(
  outcomes: readonly Outcome[],
  limitMs = 20_000,
  decisions: readonly Decision[] = [],
): Promise<{ repeated: boolean; ways: number[] }> {
  const left = [...decisions];
  const look = (): Promise<Decision> => Promise.resolve(left.shift() ?? null);
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
  const { repeated } = await endTransaction(once, all[0]!, fresh, new Deadline(limitMs), 'committed', look);
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

  it('that was lost is known by what the coordinator decided, while its markers cannot be written', async () => {
    const busy = CODE.CONCURRENT_TRANSACTIONS;
    expect(await ended(['broken', busy, busy], 20_000, [null, 'committed'])).toEqual({
      repeated: true,
      ways: [0, 1, 1],
    });
    await expect(ended(['broken', busy], 20_000, ['aborted'])).rejects.toMatchObject({ code: busy });
    // Nothing was lost: what is decided there is an older transaction.
    expect(await ended([busy, 'acknowledged'], 20_000, ['committed'])).toEqual({ repeated: false, ways: [0, 0] });
  });

  it('is decided by the state of this very epoch only', () => {
    const states = ['Empty', 'Ongoing', 'PrepareCommit', 'PrepareAbort', 'CompleteCommit', 'CompleteAbort', 'Dead'];
    const own = { producerId: fc.nat(2), producerEpoch: fc.nat(2) };
    fc.assert(
      fc.property(fc.record({ state: fc.constantFrom(...states), ...own }), fc.record(own), (described, mine) => {
        const identity = { producerId: BigInt(mine.producerId), producerEpoch: mine.producerEpoch };
        const same = described.producerId === mine.producerId && described.producerEpoch === mine.producerEpoch;
        const decided = /^(Prepare|Complete)(Commit|Abort)$/.exec(described.state)?.[2];
        const expected = decided === undefined || !same ? null : decided === 'Commit' ? 'committed' : 'aborted';
        expect(decisionOf(described, identity)).toBe(expected);
      }),
    );
    expect(decisionOf(null, { producerId: 1n, producerEpoch: 0 })).toBeNull();
  });

  it('is given up at a no that waiting does not change, and when the time is over', async () => {
    await expect(ended([CODE.INVALID_PRODUCER_EPOCH])).rejects.toMatchObject({ code: CODE.INVALID_PRODUCER_EPOCH });
    await expect(ended(['silence', 'silence'], 100)).rejects.toThrow('not done within');
  });
});
