import fc from 'fast-check';
import { checkConfigure } from '../../../src/domain/configure-check';
import {
  checkPause,
  configure,
  openBreaker,
  pause,
  resetBreaker,
  restore,
  resume,
  withDefaults,
} from '../../../src/domain/publisher-commands';
import { drainEnded, drainStarted } from '../../../src/domain/publisher-outcome';
import { advance, decide } from '../../../src/domain/publisher-decision';
import { defaultConfig, initialState, mergeConfig } from '../../../src/domain/publisher-state';
import { publisherId } from '../../../src/domain/publisher';
import { MAX, T0, failed, outcome, turn, turns } from '../../support/publisher-turns';

const REF = { tenant: 'acme', destination: 'kafka', shard: 0 };

describe('publisher state', () => {
  it('sleeps without a timer after an empty drain, and a wake during a drain is never lost', () => {
    const asleep = turn(initialState(REF, defaultConfig(), T0), T0, outcome({ published: 3 }));
    expect(decide(asleep, T0, MAX)).toEqual({ kind: 'wait', why: 'sleeping', until: null });

    const started = drainStarted(initialState(REF, defaultConfig(), T0), false, T0);
    const woken = { ...started, drain: { ...started.drain, woken: true } };
    const after = drainEnded(woken, outcome({}), { probe: false }, T0, 0.5);
    expect(decide(after, T0, MAX).kind).toBe('drain');
  });

  it('opens after three failures, sends one probe when due, closes on its success', () => {
    let state = initialState(REF, defaultConfig(), T0);
    let now = T0;
    for (let i = 0; i < 3; i += 1) {
      state = turn(state, now, failed);
      now += 60_000;
    }
    expect(state.breaker.state).toBe('open');
    const before = (state.breaker.nextProbeAt ?? 0) - 1;
    expect(decide(advance(state, before), before, MAX)).toMatchObject({ kind: 'wait', why: 'open' });
    const due = (state.breaker.nextProbeAt ?? 0) + 1;
    expect(decide(advance(state, due), due, MAX)).toEqual({ kind: 'drain', events: 1, probe: true });
    state = turn(state, due, outcome({ end: 'granted', published: 1 }));
    expect(state.breaker.state).toBe('closed');
    expect(decide(advance(state, due), due, MAX)).toMatchObject({ kind: 'drain', probe: false });
  });

  it('a probe that finds nothing to send, or only events to park, closes it; one that meets a dead topic does not', () => {
    const open = turns(initialState(REF, defaultConfig(), T0), 3, failed);
    const due = open.breaker.nextProbeAt ?? NaN;
    expect(turn(open, due, outcome({ end: 'empty' })).breaker.state).toBe('closed');
    const refused = { code: 'EVENT_REFUSED', message: 'refused', breaker: false } as const;
    expect(turn(open, due, outcome({ end: 'failed', parked: 1, failure: refused })).breaker.state).toBe('closed');
    // Also shortly after an event went through: half-open it would send one probe after the other.
    const flowed = { ...open, drain: { ...open.drain, publishedAt: due - 1 } };
    expect(turn(flowed, due, { ...failed, blockedTopics: ['dead'] }).breaker.state).toBe('open');
  });

  it('never counts fencing, restarts or Postgres errors as failures of the destination', () => {
    for (const code of ['FENCED', 'POSTGRES_UNAVAILABLE', 'INTERNAL'] as const) {
      let state = initialState(REF, defaultConfig(), T0);
      for (let i = 0; i < 10; i += 1) {
        state = turn(
          state,
          T0 + i * 100_000,
          outcome({ end: 'failed', failure: { code, message: 'x', breaker: false } }),
        );
      }
      expect(state.breaker.state).toBe('closed');
    }
  });

  it('one dead topic does not open the breaker while others flow', () => {
    let state = initialState(REF, defaultConfig(), T0);
    for (let i = 0; i < 10; i += 1) {
      state = turn(state, T0 + i * 100_000, { ...failed, published: 5, blockedTopics: ['dead'] });
    }
    expect(state.breaker.state).toBe('closed');
  });

  it('one dead topic does not open the breaker while the others have an event only now and then', () => {
    const dead = {
      ...outcome({ end: 'failed', blockedTopics: ['dead'] }),
      failure: { code: 'KAFKA_TOPIC_MISSING', message: 'gone', breaker: true } as const,
    };
    let state = initialState(REF, defaultConfig(), T0);
    let now = T0;
    for (let i = 0; i < 40; i += 1, now += 10_000) {
      state = turn(state, now, i % 2 === 0 ? { ...dead, published: 1 } : dead);
    }
    expect(state.breaker).toMatchObject({ state: 'closed', failures: 0 });
    // All of its topics are dead: nothing has been published for half a minute.
    for (let i = 0; i < 10 && state.breaker.state === 'closed'; i += 1, now += 10_000) state = turn(state, now, dead);
    expect(state.breaker.state).toBe('open');
    expect(now - T0 - 400_000).toBeLessThanOrEqual(70_000);
    // At once if nothing was ever published.
    expect(turns(initialState(REF, defaultConfig(), T0), 3, dead).breaker.state).toBe('open');
  });

  it('while back-off and breaker both make it wait, the row says that the breaker is open', () => {
    const state = turns(initialState(REF, defaultConfig(), T0), 3, failed);
    const now = T0 + 120_001;
    expect(decide({ ...state, drain: { ...state.drain, retryAt: now + 1 } }, now, MAX)).toEqual({
      ...{ kind: 'wait', why: 'open', until: now + 1 },
    });
  });

  it('paused: does nothing until its time, or an order', () => {
    const failing = turn(initialState(REF, defaultConfig(), T0), T0, failed);
    const later = T0 + 60_000;
    const paused = pause(failing, { by: 'ops', why: 'maintenance', until: later + 1_000 }, later);
    expect(decide(advance(paused, later), later, MAX)).toEqual({ kind: 'wait', why: 'paused', until: later + 1_000 });
    expect(decide(advance(paused, later + 1_001), later + 1_001, MAX).kind).toBe('drain');
    expect(decide(advance(resume(paused), later), later, MAX).kind).toBe('drain');
  });

  it('looks at the backlog when a pause ends, by its time or by an order: nobody wakes who is paused', () => {
    const asleep = turn(initialState(REF, defaultConfig(), T0), T0, outcome({ published: 1 }));
    const paused = pause(asleep, { by: 'ops', why: 'maintenance', until: T0 + 1_000 }, T0);
    expect(decide(advance(paused, T0), T0, MAX)).toEqual({ kind: 'wait', why: 'paused', until: T0 + 1_000 });
    expect(decide(advance(paused, T0 + 1_000), T0 + 1_000, MAX).kind).toBe('drain');
    expect(decide(resume(paused), T0, MAX).kind).toBe('drain');
  });

  it('a pause comes back from the row, and ends at its time', () => {
    const paused = { by: 'ops', why: 'maintenance', since: T0, until: T0 + 1_000 };
    const back = restore(initialState(REF, defaultConfig(), T0), { limits: {}, paused, breaker: null });
    expect(back.paused).toEqual(paused);
    expect(advance(back, T0 + 1_000).paused).toBeNull();
  });

  it('an operator opens and resets the breaker', () => {
    const fresh = initialState(REF, defaultConfig(), T0);
    const open = openBreaker(fresh, { by: 'ops', why: 'x' }, T0);
    expect(decide(advance(open, T0 + 1e9), T0 + 1e9, MAX)).toMatchObject({ kind: 'wait', why: 'open', until: null });
    expect(decide(resetBreaker(open, { by: 'ops' }, T0), T0, MAX).kind).toBe('drain');
    // Reset means now: whatever came meanwhile woke nobody, and a back-off has lost its reason.
    const backingOff = { ...open, drain: { ...open.drain, woken: false, retryAt: T0 + 10_000 } };
    expect(decide(resetBreaker(backingOff, { by: 'ops' }, T0), T0, MAX).kind).toBe('drain');
  });

  it('an operator’s breaker and limits come back from the row, and only what was set', () => {
    const open = configure(
      openBreaker(initialState(REF, defaultConfig(), T0), { by: 'ops', why: 'x' }, T0),
      {
        by: 'ops',
        quota: { ratePerSecond: 5 },
      },
      T0,
    );
    const limits = JSON.parse(JSON.stringify(open.overrides)) as typeof open.overrides;
    const back = restore(initialState(REF, defaultConfig(), T0), { limits, paused: null, breaker: null });
    expect(back.breaker).toMatchObject({ state: 'open', manual: true });
    expect(mergeConfig(defaultConfig({ threshold: 9, resetMs: 1_000 }), back.overrides)).toMatchObject({
      breaker: { threshold: 9, resetMs: 1_000 },
      quota: { ratePerSecond: 5 },
    });
    expect(resetBreaker(back, { by: 'ops' }, T0).overrides.heldOpen).toBeUndefined();
  });

  it('backs off between drains that fail for whatever reason, and goes on at once after a success', () => {
    let state = initialState(REF, defaultConfig(), T0);
    let now = T0;
    const waits: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      state = turn(
        state,
        now,
        outcome({ end: 'failed', failure: { code: 'POSTGRES_UNAVAILABLE', message: 'x', breaker: false } }),
      );
      waits.push((state.drain.retryAt ?? 0) - now);
      now = state.drain.retryAt ?? now;
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(Math.max(...waits)).toBe(10_000);
    expect(turn(state, now, outcome({ end: 'time', published: 1 })).drain).toMatchObject({ failed: 0, retryAt: null });
  });

  it('grants partially under a quota and waits exactly as long as needed', () => {
    const limited = configure(
      initialState(REF, defaultConfig(), T0),
      {
        by: 'ops',
        quota: { ratePerSecond: 10, burst: 20 },
      },
      T0,
    );
    expect(decide(advance(limited, T0), T0, MAX)).toMatchObject({ kind: 'drain', events: 20 });
    const spent = turn(limited, T0, outcome({ end: 'granted', published: 20 }));
    expect(decide(advance(spent, T0), T0, MAX)).toEqual({
      kind: 'wait',
      why: 'throttled',
      until: T0 + 200,
      quota: true,
    });
  });

  it.each([{ ratePerSecond: 0 }, { bytesPerSecond: 0 }, { ratePerSecond: 1, burst: 1 }])(
    'out of tokens under %j: waits, its back-off first',
    (quota) => {
      const limited = configure(initialState(REF, defaultConfig(), T0), { by: 'ops', quota }, T0);
      const dry = { ...limited, quota: { ...limited.quota, tokens: 0 } };
      const backingOff = { ...dry, drain: { ...dry.drain, retryAt: T0 + 900 } };
      expect(decide(backingOff, T0, MAX)).toEqual({ kind: 'wait', why: 'throttled', until: T0 + 900 });
      expect(decide(backingOff, T0 + 900, MAX)).toMatchObject({ kind: 'wait', why: 'throttled', quota: true });
    },
  );

  it('takes an operator’s word back: the deployment’s settings are in force again, with a full bucket', () => {
    let state = configure(
      initialState(REF, defaultConfig(), T0),
      {
        by: 'ops',
        quota: { ratePerSecond: 10, burst: 5, bytesPerSecond: 100 },
        breaker: { failureThreshold: 7, resetInterval: 2 },
      },
      T0,
    );
    expect(state.config).toMatchObject({
      breaker: { threshold: 7, resetMs: 2_000 },
      quota: { ratePerSecond: 10, burst: 5, bytesPerSecond: 100 },
    });
    state = configure(withDefaults(state, defaultConfig()), { by: 'ops', quota: null, breaker: null }, T0);
    expect(state.config).toEqual(defaultConfig());
    expect(state.quota).toMatchObject({ tokens: 1_000, ratePerSecond: null });
    expect(JSON.parse(JSON.stringify(state.overrides))).toEqual({});
  });

  it('a drain that was refused because everything is paused sleeps, and keeps its breaker as it is', () => {
    const open = turns(initialState(REF, defaultConfig(), T0), 3, failed);
    const due = open.breaker.nextProbeAt ?? NaN;
    const refused = turn(open, due, outcome({ end: 'paused' }));
    expect(refused.breaker.state).toBe('half-open');
    expect(decide(advance(refused, due), due, MAX)).toEqual({ kind: 'wait', why: 'sleeping', until: null });
  });

  it('is plain JSON: what continue-as-new carries is what was there', () => {
    const state = pause(turn(initialState(REF, defaultConfig(), T0), T0, failed), { by: 'a', why: 'b' }, T0);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it('refuses commands without sense, with a sentence', () => {
    for (const bad of [undefined, null, 7, {}, { by: '' }, { by: 'x' }, { by: 'x', why: 'y', until: 'soon' }]) {
      expect(checkPause(bad)).toEqual(expect.any(String));
    }
    expect(checkPause({ by: 'x', why: 'y', until: '2027-01-01T00:00:00Z' })).toBeNull();
    expect(checkConfigure({ by: 'x', quota: { ratePerSecond: -1 } })).toEqual(expect.any(String));
    for (const bad of [
      { breaker: 'x' },
      { breaker: { resetInterval: 0 } },
      { quota: { bytesPerSecond: -1 } },
      { quota: 3 },
    ]) {
      expect(checkConfigure({ by: 'x', ...bad })).toEqual(expect.any(String));
    }
    expect(checkConfigure({ by: 'x', quota: null, breaker: null })).toBeNull();
    expect(checkConfigure({ by: 'x', quota: { ratePerSecond: null, burst: 5 }, onPoison: 'skip' })).toBeNull();
    for (const maxAttempts of [0, 101, 2.5, '5']) {
      expect(checkConfigure({ by: 'x', maxAttempts })).toEqual(expect.stringContaining('maxAttempts'));
    }
    expect(checkConfigure({ by: 'x', maxAttempts: 1 })).toBeNull();
  });

  it('what happens to parked events is the deployment’s until an operator says otherwise', () => {
    const state = initialState(REF, defaultConfig(), T0);
    expect(state.config).toMatchObject({ onPoison: 'hold-key', maxAttempts: 5 });
    const changed = configure(state, { by: 'x', onPoison: 'skip', maxAttempts: 2 }, T0);
    expect(changed.config).toMatchObject({ onPoison: 'skip', maxAttempts: 2 });
    expect(changed.overrides).toMatchObject({ onPoison: 'skip', maxAttempts: 2 });
  });

  it('plain keys: bounded, told once, kept in the row, and taken back by an empty list', () => {
    const many = Array.from({ length: 101 }, (_, i) => `topic-${i}`);
    for (const plainKey of ['orders', null, [''], ['no spaces'], [1], ['x'.repeat(250)], many]) {
      expect(checkConfigure({ by: 'x', plainKey })).toEqual(expect.stringContaining('plainKey'));
    }
    for (const plainKey of [[], ['*'], ['orders', 'a.b_c-1'], many.slice(1)]) {
      expect(checkConfigure({ by: 'x', plainKey })).toBeNull();
    }
    const state = initialState(REF, defaultConfig(), T0);
    expect(state.config.plainKey).toEqual([]);
    const changed = configure(state, { by: 'x', plainKey: ['orders', 'orders', '*'] }, T0);
    expect(changed.config.plainKey).toEqual(['orders', '*']);
    const lost = restore(state, { limits: changed.overrides, paused: null, breaker: null });
    expect(withDefaults(lost, defaultConfig()).config.plainKey).toEqual(['orders', '*']);
    expect(configure(changed, { by: 'x', weight: 2 }, T0).config.plainKey).toEqual(['orders', '*']);
    expect(configure(changed, { by: 'x', plainKey: [] }, T0).config.plainKey).toEqual([]);
  });

  it('a failed drain that parked something is no reason to wait longer each time', () => {
    const refused = outcome({
      end: 'failed',
      parked: 1,
      failure: { code: 'EVENT_REFUSED', message: 'refused', breaker: false },
    });
    let state = initialState(REF, defaultConfig(), T0);
    let now = T0;
    for (let i = 0; i < 8; i += 1) {
      state = turn(state, now, refused);
      expect(state.breaker.state).toBe('closed');
      expect((state.drain.retryAt ?? 0) - now).toBeLessThan(1_000);
      now += 1_000;
    }
  });
});

describe('ids', () => {
  it('no two publishers share an id, and plain names stay plain', () => {
    expect(publisherId(REF)).toBe('publisher:acme');
    const ref = fc.record({
      tenant: fc.string({ minLength: 1 }),
      destination: fc.string({ minLength: 1 }),
      shard: fc.nat(3),
    });
    fc.assert(
      fc.property(ref, ref, (a, b) => {
        const same = a.tenant === b.tenant && a.destination === b.destination && a.shard === b.shard;
        expect(publisherId(a) === publisherId(b)).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });
});
