import fc from 'fast-check';
import { feedable, mostCopies, replayBurst, replayShare, replayWorkflowId } from '../../../src/domain/replay';
import {
  MAX_REPLAY_REQUESTS,
  checkReplay,
  requestedReplay,
  selectionOf,
  storedReplay,
} from '../../../src/domain/replay-commands';
import type { ReplayCommand } from '../../../src/domain/replay-commands';
import { UNLIMITED_QUOTA, refill, spend } from '../../../src/domain/quota';
import { paceMs, wish } from '../../../src/domain/replay-workflow';

describe('the share of the replay lane', () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

  it('takes from live events a tenth at most, and all room that they leave up to a bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 0, max: 10_000 }),
        unit,
        (limit, live, random) => {
          const waiting = Math.min(live, limit);
          const share = replayShare(limit, waiting, random, 2_000);
          expect(share).toBeLessThanOrEqual(2_000);
          expect(share).toBeLessThanOrEqual(Math.max(limit - waiting, Math.ceil(limit / 10)));
          expect(share).toBeGreaterThanOrEqual(Math.min(2_000, limit - waiting));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('never starves a replay: over many batches it has its tenth, however small they are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), (limit) => {
        let copies = 0;
        for (let i = 0; i < 1_000; i += 1) copies += replayShare(limit, limit, i / 1_000, 2_000);
        expect(copies / 1_000 / limit).toBeCloseTo(0.1, 2);
      }),
    );
  });
});

it('a batch of copies is so small that it is sent within 50 ms, within bounds', () => {
  expect([null, 0, 0.02, 0.1, 0.25, 10].map(mostCopies)).toEqual([500, 2_000, 2_000, 500, 500, 500]);
});

describe('the pace of a replay', () => {
  it('never feeds more than rate × time + burst, and never has more than the burst in the lane', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.array(fc.tuple(fc.integer({ min: -2_000, max: 5_000 }), fc.double({ min: 0, max: 1, noNaN: true })), {
          maxLength: 60,
        }),
        (rate, visits) => {
          const config = { ...UNLIMITED_QUOTA, ratePerSecond: rate, burst: replayBurst(rate) };
          let bucket = { tokens: 0, byteTokens: 0, at: 1_000_000 };
          let [now, forward, fed, pending] = [1_000_000, 0, 0, 0];
          for (const [after, published] of visits) {
            now += after;
            forward += Math.max(0, after);
            pending -= Math.floor(pending * published);
            bucket = refill(bucket, config, now);
            const made = feedable(pending, rate, bucket.tokens);
            bucket = spend(bucket, config, made, 0);
            fed += made;
            pending += made;
            expect(pending).toBeLessThanOrEqual(Math.min(20_000, config.burst));
          }
          expect(fed).toBeLessThanOrEqual((forward / 1000) * rate + 1e-6);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('without a rate keeps the lane full and never fuller', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40_000 }), (pending) => {
        const made = feedable(pending, null, 0);
        expect(pending + made).toBeLessThanOrEqual(Math.max(pending, 20_000));
        expect(made > 0).toBe(pending < 20_000);
      }),
    );
  });

  it('looks soon while things move and rarely while nothing does', () => {
    expect([0, 1, 3, 20].map((idle) => paceMs(idle, 0))).toEqual([250, 500, 2_000, 10_000]);
    expect(paceMs(0, 60_000)).toBe(60_000);
  });
});

describe('commands of replays', () => {
  const good = { replayId: 'r-1', eventIds: ['1', 2], by: 'me', why: 'lost by a consumer' };

  it('accepts what it can do and says of anything else what is wrong', () => {
    expect(checkReplay(good)).toBeNull();
    expect(checkReplay({ ...good, why: 'lost \ud83d\ude00' })).toBeNull();
    expect(checkReplay({ ...good, eventIds: undefined, filter: { status: 'sent', after: '2026-01-01' } })).toBeNull();
    const bad: [object, string][] = [
      [{ replayId: 'a b' }, 'replayId'],
      [{ replayId: '' }, 'replayId'],
      [{ by: '' }, 'by'],
      [{ why: 7 }, 'why'],
      [{ filter: { topic: 'x' } }, 'either'],
      [{ eventIds: undefined }, 'either'],
      [{ eventIds: [] }, '1 to 1000'],
      [{ eventIds: ['99999999999999999999'] }, 'decimal'],
      [{ eventIds: [1.5] }, 'decimal'],
      [{ ratePerSecond: 0 }, 'ratePerSecond'],
      [{ ratePersecond: 5 }, 'unknown'],
      [{ eventIds: undefined, filter: {} }, 'something'],
      [{ eventIds: undefined, filter: { status: 'pending' } }, 'anyway'],
      [{ eventIds: undefined, filter: { statuses: 'failed' } }, 'unknown'],
      [{ eventIds: undefined, filter: { after: '2026-01-01T12:00:00' } }, 'zone'],
      [{ eventIds: undefined, filter: { topic: 'a\0' } }, 'text'],
      [{ eventIds: undefined, filter: { key: 'a\ud83d' } }, 'text'],
      [{ by: 'a\ude00' }, 'by'],
      [{ why: 'a\ud83db' }, 'why'],
    ];
    for (const [change, word] of bad) expect(checkReplay({ ...good, ...change })).toContain(word);
    expect(selectionOf({ eventIds: ['007', 7, 8] })).toEqual({ eventIds: ['7', '8'] });
  });

  it('never throws, whatever it is given', () => {
    fc.assert(fc.property(fc.anything(), (anything) => void checkReplay(anything)));
    fc.assert(fc.property(fc.anything(), (anything) => void checkReplay({ ...good, eventIds: anything })));
  });

  it('keeps a bounded queue, each id once', () => {
    let state: { replayRequests?: readonly ReplayCommand[] } = {};
    for (let i = 0; i < MAX_REPLAY_REQUESTS; i += 1) {
      state = requestedReplay(state, { ...good, replayId: `r${i}` }) ?? state;
    }
    expect(requestedReplay(state, { ...good, replayId: 'one more' })).toBeNull();
    expect(requestedReplay(state, { ...good, replayId: 'r3' })).toBe(state);
    expect(storedReplay(state, { ...good, replayId: 'r3' }).replayRequests).toHaveLength(MAX_REPLAY_REQUESTS - 1);
  });

  it('nothing undoes a cancel', () => {
    const view = { tenant: 'a', replayId: 'r', status: null, wanted: null, refusedCommands: 0 };
    const cancelled = wish(view, { state: 'cancelled', by: 'x', why: 'y' });
    expect(wish(cancelled, { state: 'running', by: 'x', why: 'y' })).toBe(cancelled);
  });

  it('no two replays share a workflow id', () => {
    const part = fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A', '/'), minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(part, part, part, part, (a, b, c, d) => {
        fc.pre(a !== c || b !== d);
        expect(replayWorkflowId(a, b)).not.toBe(replayWorkflowId(c, d));
      }),
    );
    expect(replayWorkflowId('acme', 'again-1')).toBe('replay:acme:again-1');
  });
});
