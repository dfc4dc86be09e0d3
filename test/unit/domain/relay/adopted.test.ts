import fc from 'fast-check';
import { adoptNext } from '../../../../src/domain/relay/adopted';
import { beginFold, judge } from '../../../../src/domain/relay/fold';
import { NOTHING, log, originOf } from './ledger-log';

describe('a ledger that an operator has chosen as it is now', () => {
  it('is settled whole, with the gaps that make others halt, up to the own barrier', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.nat(), ({ records, known, own }, n, cut) => {
        const batches = records.filter(({ record }) => record.kind === 'batch');
        fc.pre(batches.length > 1);
        const gone = batches[n % (batches.length - 1)];
        const left = records.filter((placed) => placed !== gone);
        const fold = beginFold({ settled: NOTHING, known, own, logStart: 0 });
        expect(judge(fold, left).kind).toBe('halt');
        const at = cut % left.length;
        const first = adoptNext(fold, left.slice(0, at));
        // Cut there, and begun anew from the start.
        const settled = first.kind === 'go' ? first.fold.settled : NOTHING;
        const second = adoptNext(beginFold({ settled, known, own, logStart: 0 }), left);
        if (first.kind !== 'go' || second.kind !== 'go') throw new Error('it halts');
        const named = [...first.settle, ...second.settle].map(({ batch }) => batch);
        expect(named).toEqual(batches.filter((placed) => placed !== gone).map(({ record }) => record));
        const last = batches.at(-1)?.record;
        expect(second.fold.done).toBe(true);
        expect(second.fold.settled).toMatchObject({ kind: 'barrier', seq: last?.kind === 'batch' ? last.seq : 0 });
      }),
      { numRuns: 200 },
    );
  });

  it('halts where another database may be newer, which is another choice', () => {
    const own = { ...originOf('server-0'), fence: 2, offset: 2 };
    const elsewhere = {
      ...originOf('elsewhere'),
      system: 'another',
      kind: 'barrier',
      fence: 1,
      from: -1,
      relays: 1,
    } as const;
    const fold = beginFold({ settled: NOTHING, known: new Set(['server-0']), own, logStart: 0 });
    expect(adoptNext(fold, [{ offset: 0, record: elsewhere }])).toMatchObject({
      kind: 'halt',
      reason: 'newer_database',
    });
  });
});
