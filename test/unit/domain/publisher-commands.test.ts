import type { DrainOutcome } from '../../../src/domain/drain';
import { checkConfigure } from '../../../src/domain/configure-check';
import { checkBy, checkByWhy, checkPause, checkUnhalt } from '../../../src/domain/publisher-commands';
import { drainEnded } from '../../../src/domain/publisher-outcome';
import { defaultConfig, initialState } from '../../../src/domain/publisher-state';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
/** What Postgres does not store in jsonb, in every place of a text. */
const UNSTORABLE = ['a\0', '\0', '\ud83d', 'a\ude00b', '\ude00\ud83d', 'cut\ud83d'];

describe('texts of orders', () => {
  it('are refused with a NUL or a lone surrogate, which would keep the row from ever being written again', () => {
    for (const bad of UNSTORABLE) {
      const sentence = expect.stringContaining('without NULs and lone surrogates');
      expect(checkBy({ by: bad })).toEqual(sentence);
      for (const check of [
        checkByWhy,
        checkPause,
        (c: unknown) => checkUnhalt({ choice: 'recheck', ...(c as object) }),
      ]) {
        expect(check({ by: bad, why: 'y' })).toEqual(sentence);
        expect(check({ by: 'x', why: bad })).toEqual(sentence);
      }
      expect(checkConfigure({ by: bad, weight: 2 })).toEqual(sentence);
      expect(checkConfigure({ by: 'x', why: bad, weight: 2 })).toEqual(sentence);
    }
  });

  it('take everything else, also pairs of surrogates', () => {
    for (const why of ['\ud83d\ude00', 'Wartung für Köln', '\ufffd', 'a\tb']) {
      expect(checkPause({ by: 'x', why })).toBeNull();
    }
  });
});

describe('texts of brokers', () => {
  it('are cut and mended so that the row can be written', () => {
    const message = `${'x'.repeat(480)}\0${'\ud83d\ude00'.repeat(1_000)}`;
    const start = initialState(REF, { ...defaultConfig(), breaker: { threshold: 1, resetMs: 1_000 } }, 0);
    const end = (outcome: Pick<DrainOutcome, 'end' | 'failure'>) =>
      drainEnded(
        start,
        { published: 0, publishedBytes: 0, parked: 0, batches: 0, blockedTopics: [], worker: 'w', ...outcome },
        { probe: false },
        0,
        0.5,
      );
    const open = end({ end: 'failed', failure: { code: 'KAFKA_REFUSED', message, breaker: true } });
    expect(open.breaker.reason).toContain('x'.repeat(400));
    expect(open.breaker.reason).not.toMatch(/\0|\p{Surrogate}/u);
  });
});

describe('configure', () => {
  it('refuses what it does not know, at every level: a mistyped limit would limit nothing', () => {
    const bad: [object, string][] = [
      [{ rate: 5 }, 'rate is unknown'],
      [{ quota: { rate: 100 } }, 'quota.rate is unknown'],
      [{ quota: { ratePerSecond: 100, at: 'x' } }, 'quota.at is unknown'],
      [{ quota: { ratePerSecond: 100, tokens: 1e9 } }, 'quota.tokens is unknown'],
      [{ breaker: { treshold: 5 } }, 'breaker.treshold is unknown'],
      [{ quota: [] }, 'quota must be an object'],
      [{ breaker: [5] }, 'breaker must be an object'],
    ];
    for (const [change, sentence] of bad) {
      expect(checkConfigure({ by: 'x', ...change })).toEqual(expect.stringContaining(sentence));
    }
    expect(checkConfigure(['x'])).toEqual(expect.any(String));
  });

  it('takes all that it knows', () => {
    const quota = { ratePerSecond: 5, burst: 5, bytesPerSecond: null, byteBurst: 500 };
    const breaker = { threshold: 3, resetMs: 1_000, failureThreshold: 3, resetInterval: 1 };
    const rest = { onPoison: 'skip', maxAttempts: 2, weight: 2, plainKey: ['*'] };
    expect(checkConfigure({ by: 'x', why: 'the admin API says it', quota, breaker, ...rest })).toBeNull();
  });
});
