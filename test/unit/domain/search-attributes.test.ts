import fc from 'fast-check';
import { defaultConfig, initialState } from '../../../src/domain/publisher-state';
import type { Decision } from '../../../src/domain/publisher-decision';
import { SEARCH_ATTRIBUTE_NAMES, changedAttributes, searchAttributesOf } from '../../../src/domain/search-attributes';
import type { SearchAttributeName, SearchAttributeValues } from '../../../src/domain/search-attributes';

const state = initialState({ tenant: 'acme', destination: 'kafka', shard: 0 }, defaultConfig(), 0);
const drain: Decision = { kind: 'drain', events: 10, probe: false };
const wait = (why: Extract<Decision, { kind: 'wait' }>['why']): Decision => ({ kind: 'wait', why, until: null });

test('the class of the backlog says what is known of it', () => {
  const calm = { ...state, drain: { ...state.drain, woken: false } };
  expect(searchAttributesOf(calm, wait('sleeping'), false)).toEqual({
    Tenant: 'acme',
    Destination: 'kafka',
    BreakerState: 'closed',
    Paused: false,
    BacklogClass: 'none',
  });
  expect(searchAttributesOf(state, drain, false).BacklogClass).toBe('none');
  expect(searchAttributesOf(state, drain, false, 'waiting').BacklogClass).toBe('waiting');
  expect(searchAttributesOf(state, drain, true, 'waiting').BacklogClass).toBe('draining');
  expect(searchAttributesOf(calm, wait('sleeping'), false, 'draining').BacklogClass).toBe('none');
  expect(searchAttributesOf(state, wait('open'), false).BacklogClass).toBe('waiting');
  expect(searchAttributesOf(calm, wait('paused'), false).BacklogClass).toBe('none');
});

/** What a workflow does with it, over a random life. */
const lives = fc.array(
  fc.record({
    ms: fc.integer({ min: 0, max: 20_000 }),
    class: fc.constantFrom('none', 'draining', 'waiting'),
    breaker: fc.constantFrom('closed', 'closed', 'closed', 'open'),
    waitMs: fc.option(fc.integer({ min: 1, max: 60_000 })),
  }),
  { maxLength: 60 },
);

test('everything but a flapping class is shown at once, and a class alone costs at most two events in 30 s', () => {
  fc.assert(
    fc.property(lives, (life) => {
      const shown: Partial<Record<SearchAttributeName, unknown>> = {};
      const shortAlone: number[] = [];
      let now = 0;
      let classChangedAt = -Infinity;
      for (const step of life) {
        now += step.ms;
        const wanted: SearchAttributeValues = {
          ...searchAttributesOf(state, drain, false),
          BreakerState: step.breaker,
          BacklogClass: step.class,
        };
        const until = step.waitMs === null ? null : now + step.waitMs;
        const clock = { now, classChangedAt, until };
        const changed = changedAttributes(SEARCH_ATTRIBUTE_NAMES, (name) => shown[name], wanted, clock);
        for (const name of changed) shown[name] = wanted[name];
        if (changed.includes('BacklogClass')) classChangedAt = now;
        const long = step.class === 'waiting' && (until === null || until - now >= 30_000);
        if (changed.join() === 'BacklogClass' && !long) shortAlone.push(now);

        expect({ ...shown, BacklogClass: null }).toEqual({ ...wanted, BacklogClass: null });
        if (wanted.BacklogClass === 'none' || long) expect(shown.BacklogClass).toBe(wanted.BacklogClass);
      }
      const away = shortAlone.filter(
        (at, i) => shortAlone.slice(i + 1).filter((later) => later - at < 30_000).length >= 2,
      );
      // Two in a row: there and back. A third would need another way there within the rest, unless a long wait came between.
      if (life.every((step) => step.waitMs !== null && step.waitMs < 30_000 && step.breaker === 'closed'))
        expect(away).toEqual([]);
    }),
    { numRuns: 2_000 },
  );
});

test('only registered attributes are ever set', () => {
  const wanted = searchAttributesOf(state, drain, false);
  const clock = { now: 0, classChangedAt: -Infinity, until: 0 };
  expect(changedAttributes(['BreakerState'], () => undefined, wanted, clock)).toEqual(['BreakerState']);
  expect(changedAttributes([], () => undefined, wanted, clock)).toEqual([]);
});
