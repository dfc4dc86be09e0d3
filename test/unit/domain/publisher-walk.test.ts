import fc from 'fast-check';
import type { DrainOutcome } from '../../../src/domain/drain';
import { configure, openBreaker, pause, resetBreaker, restore, resume } from '../../../src/domain/publisher-commands';
import { openBreakerOf } from '../../../src/domain/breaker';
import { drainEnded, drainStarted, waitStarted } from '../../../src/domain/publisher-outcome';
import { advance, decide } from '../../../src/domain/publisher-decision';
import { defaultConfig, initialState } from '../../../src/domain/publisher-state';
import type { Decision } from '../../../src/domain/publisher-decision';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { T0, outcome } from '../../support/publisher-turns';

/** Random walks of a publisher: events come, drains end in every way, operators interfere, clocks jump, workflows are lost. */
const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };
const MAX = 1_000;

const step = fc.record({
  kind: fc.constantFrom(
    ...([
      'drain',
      'drain',
      'drain',
      'drain',
      'event',
      'event',
      'pause',
      'resume',
      'open',
      'reset',
      'limit',
      'free',
    ] as const),
    ...(['continue', 'terminate'] as const),
  ),
  after: fc.integer({ min: -20_000, max: 120_000 }),
  random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  ends: fc.constantFrom(
    ...(['works', 'works', 'works', 'kafka down', 'postgres down', 'stopping', 'time'] as const),
    'dead topic',
  ),
  /** What happens while a drain runs. */
  during: fc.constantFrom(...(['nothing', 'nothing', 'event', 'pause', 'open'] as const)),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface World {
  readonly state: PublisherState;
  readonly pending: number;
  /** Events sent so far. */
  readonly sent: number;
  readonly now: number;
}

/** What a drain with this grant would have answered. */
function drained(pending: number, decision: Decision & { kind: 'drain' }, ends: Step['ends'] | 'paused'): DrainOutcome {
  if (ends === 'kafka down')
    return outcome({ end: 'failed', failure: { code: 'KAFKA_UNAVAILABLE', message: 'x', breaker: true } });
  if (ends === 'postgres down')
    return outcome({ end: 'failed', failure: { code: 'POSTGRES_UNAVAILABLE', message: 'x', breaker: false } });
  if (ends === 'stopping') return outcome({ end: ends });
  if (ends === 'dead topic') {
    const failure = { code: 'KAFKA_TOPIC_MISSING', message: 'gone', breaker: true } as const;
    return outcome({ end: 'failed', failure, blockedTopics: ['gone'] });
  }
  const all = Math.min(pending, decision.events);
  // An order and its own time cut a drain anywhere.
  const sent = ends === 'paused' || ends === 'time' ? Math.floor(all / 2) : all;
  const whole = decision.events > pending ? 'empty' : 'granted';
  const end = ends === 'paused' || ends === 'time' ? ends : whole;
  return outcome({ published: sent, publishedBytes: 500 * sent, batches: 1, end });
}

function advanceWorld(world: World, { kind, after, random, ends, during }: Step): World {
  const now = world.now + after;
  const by = { by: 'ops', why: 'test' };
  const { state, pending } = world;
  switch (kind) {
    case 'event':
      // Whoever commits an event wakes; a drain in flight is over by then in this model.
      return { ...world, now, pending: pending + 1, state: { ...state, drain: { ...state.drain, woken: true } } };
    case 'pause':
      return { ...world, now, state: pause(state, { ...by, until: now + 30_000 }, now) };
    case 'resume':
      return { ...world, now, state: resume(state) };
    case 'open':
      return { ...world, now, state: openBreaker(state, by, now) };
    case 'reset':
      return { ...world, now, state: resetBreaker(state, by, now) };
    case 'limit':
      return { ...world, now, state: configure(state, { by: 'ops', quota: { ratePerSecond: 20, burst: 30 } }, now) };
    case 'free':
      return { ...world, now, state: configure(state, { by: 'ops', quota: null }, now) };
    case 'continue':
      return { ...world, now, state: JSON.parse(JSON.stringify(state)) as PublisherState };
    case 'terminate': {
      const { overrides: limits, paused, breaker } = state;
      const saved = JSON.stringify({ limits, paused, breaker: openBreakerOf(breaker) });
      const fresh = initialState(REF, defaultConfig(), now);
      return { ...world, now, state: restore(fresh, JSON.parse(saved) as Parameters<typeof restore>[1]) };
    }
    case 'drain':
      return drainTurn({ ...world, now }, random, ends, during);
  }
}

function drainTurn(world: World, random: number, ends: Step['ends'], during: Step['during']): World {
  const { state, pending, sent, now } = world;
  const advanced = advance(state, now);
  const decision = decide(advanced, now, MAX);
  if (decision.kind === 'wait') return { ...world, state: waitStarted(advanced, decision, now) };
  const started = drainStarted(advanced, decision.probe, now);
  const by = { by: 'ops', why: 'while it ran' };
  const ordered =
    during === 'pause'
      ? pause(started, { ...by, until: now + 30_000 }, now)
      : during === 'open'
        ? openBreaker(started, by, now)
        : started;
  const result = drained(pending, decision, ordered === started ? ends : 'paused');
  // Nobody is told of it: the row does not sleep, so the drain that runs, or the next one, has to find it.
  const came = during === 'event' ? 1 : 0;
  const missed = came > 0 && result.end === 'empty';
  const ended = drainEnded(ordered, missed ? { ...result, end: 'time' } : result, decision, now, random);
  return { now, pending: pending - result.published + came, sent: sent + result.published, state: ended };
}

describe('a publisher’s life', () => {
  it('never sleeps while something is pending, and never sends more than it may', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        let world: World = { state: initialState(REF, defaultConfig(), T0), pending: 0, sent: 0, now: T0 };
        for (const one of steps) {
          const before = world;
          world = advanceWorld(world, one);
          const decision = decide(advance(world.state, world.now), world.now, MAX);
          // No lost wake: an event that is pending is being sent, or waits for a moment or an operator.
          if (world.pending > 0 && decision.kind === 'wait' && decision.why === 'sleeping')
            throw new Error('lost wake');
          if (decision.kind === 'drain' && decision.probe && decision.events > 1) throw new Error('more than a probe');
          const { paused, breaker } = advance(before.state, world.now);
          if (one.kind === 'drain' && (paused !== null || breaker.manual) && world.sent !== before.sent)
            throw new Error('sent although an operator stopped it');
          // State in = state out: nothing of it is lost when a run continues as new.
          const text = JSON.stringify(world.state);
          const carried = JSON.parse(text) as PublisherState;
          if (JSON.stringify(decide(advance(carried, world.now), world.now, MAX)) !== JSON.stringify(decision))
            throw new Error('decides otherwise after continue-as-new');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('sends everything in the end, once operators and servers are well', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let world: World = { state: initialState(REF, defaultConfig(), T0), pending: 0, sent: 0, now: T0 };
        for (const one of steps) world = advanceWorld(world, one);
        const calm = { after: 0, random: 0.5, ends: 'works', during: 'nothing' } as const;
        for (const kind of ['resume', 'reset', 'free'] as const) world = advanceWorld(world, { ...calm, kind });
        // As the workflow's timer: it looks again at the moment that the decision names.
        for (let turn = 0; turn < 20 && world.pending > 0; turn += 1) {
          const decision = decide(advance(world.state, world.now), world.now, MAX);
          const until = decision.kind === 'wait' ? (decision.until ?? world.now) : world.now;
          world = advanceWorld(world, { ...calm, kind: 'drain', after: until - world.now });
        }
        expect(world.pending).toBe(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never sends more than its quota allows for the time that went by, and its burst', () => {
    const quota = { ratePerSecond: 20, burst: 30 };
    const unrelated = step
      .filter(({ kind }) => kind !== 'limit' && kind !== 'free' && kind !== 'terminate')
      // So quick that the bucket is seldom full: else time allows far more than anybody could take.
      .map((one) => ({ ...one, after: Math.round(one.after / 60) }));
    fc.assert(
      fc.property(fc.array(unrelated, { maxLength: 50 }), (steps) => {
        const limited = configure(initialState(REF, defaultConfig(), T0), { by: 'ops', quota }, T0);
        let world: World = { state: limited, pending: 10_000, sent: 0, now: T0 };
        let elapsed = 0;
        for (const one of steps) {
          world = advanceWorld(world, one);
          elapsed += Math.max(0, one.after);
          expect(world.sent).toBeLessThanOrEqual(quota.burst + (quota.ratePerSecond * elapsed) / 1_000);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
