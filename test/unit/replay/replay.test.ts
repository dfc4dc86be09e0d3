import fc from 'fast-check';
import { feedable, replayBurst, replayWorkflowId } from '../../../src/domain/replay';
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
