import { openBreaker, pause, resetBreaker, resume } from '../src/domain/publisher-commands';
import { advance, decide } from '../src/domain/publisher-decision';
import { defaultConfig, initialState } from '../src/domain/publisher-state';
import type { Decision } from '../src/domain/publisher-decision';
import type { PublisherState } from '../src/domain/publisher-state';
import { CLOSED_BREAKER } from '../src/domain/breaker';
import { initialUsage } from '../src/domain/quota-usage';
import type { Asked } from './call';
import type { Rules } from './rules';

/** What a scope lets operators and limits do; a scope without it has drains that start by themselves. */
export interface ControlPlan {
  readonly orders: readonly Order[];
  /** Failures that open the breaker. */
  readonly threshold: number;
  /** Tokens of a full bucket, one comes at a time; null = no quota. */
  readonly burst: number | null;
}

export type Order = 'pause' | 'pauseAll' | 'openBreaker';

/** The publisher workflow: its real state, the drain that it waits for, and what the invariants compare. */
export interface Control {
  readonly state: PublisherState;
  readonly running: Running | null;
  /** Events of each grant, as it was given out. */
  readonly granted: readonly number[];
  /** What outcomes have paid in all. */
  readonly paid: number;
}

/** The activity under way. */
export interface Running extends Asked {
  /** An attempt of it was handed to a worker. */
  readonly handed: boolean;
  /** An order told it to end. */
  readonly ordered: boolean;
  /** It is what runs after one that was told to end: nobody tells it. */
  readonly again: boolean;
}

const BY = { by: 'operator', why: 'asked' };

/** Most events of a grant without a quota. */
const MAX_GRANT = 2;
const TOKEN_MS = 1_000;
/** Times are not counted: the clock stands at 0, a probe is due at 0 or later at 1. */
const NOW = 0;
const LATER = 1;

export function firstControl({ threshold, burst }: ControlPlan): Control {
  const quota = { ratePerSecond: burst === null ? null : 1, burst: burst ?? 1, bytesPerSecond: null, byteBurst: 1 };
  const config = defaultConfig({ threshold, resetMs: 1_000 }, quota);
  const state = initialState({ tenant: 't', destination: 'kafka', shard: 0 }, config, NOW);
  return { state: bare(state), running: null, granted: [], paid: 0 };
}

/**
 * The state without what only counts or measures, and without what only delays a drain: back-off and sleep. As every drain may
 * be late by any time, no behaviour is lost.
 */
export function bare(state: PublisherState): PublisherState {
  const { breaker, config, drain, counters } = state;
  const { threshold } = config.breaker;
  const nextProbeAt = breaker.nextProbeAt === null ? null : Math.min(breaker.nextProbeAt, LATER);
  return {
    ...state,
    breaker: {
      ...CLOSED_BREAKER,
      state: breaker.state,
      manual: breaker.manual,
      failures: Math.min(breaker.failures, threshold),
      nextProbeAt,
    },
    quota: { ...state.quota, at: NOW },
    usage: initialUsage(NOW),
    paused: state.paused === null ? null : { ...BY, since: NOW, until: null },
    counters: { ...counters, drains: 0, batches: 0, published: 0, failures: 0 },
    drain: {
      ...drain,
      lastWorker: null,
      woken: true,
      failed: 0,
      retryAt: null,
      lastFailure: null,
      publishedAt: null,
      allPaused: false,
    },
  };
}

/** The next step of the workflow. */
export function decided({ state }: Control, rules: Rules): Decision {
  return decide(rules.heedsBreaker ? state : { ...state, breaker: CLOSED_BREAKER }, NOW, MAX_GRANT);
}

/** What an operator may order of this publisher now, and the state after it. */
export function ordersTo(state: PublisherState, { orders }: ControlPlan): { what: string; state: PublisherState }[] {
  const found: { what: string; state: PublisherState }[] = [];
  const add = (what: string, next: PublisherState): void => void found.push({ what, state: bare(next) });
  if (orders.includes('pause')) {
    if (state.paused === null) add('pauses', pause(state, BY, NOW));
    else add('resumes', resume(state));
  }
  if (orders.includes('openBreaker') && !state.breaker.manual) add('opens the breaker', openBreaker(state, BY, NOW));
  if (state.breaker.state !== 'closed' && orders.includes('openBreaker')) {
    add('resets the breaker', resetBreaker(state, BY, NOW));
  }
  return found;
}

/** A token comes; null where the bucket is full. */
export function withToken(state: PublisherState): PublisherState | null {
  const { ratePerSecond, burst } = state.config.quota;
  return ratePerSecond === null || state.quota.tokens >= burst ? null : bare(advance(state, TOKEN_MS));
}

/** The wait of an open breaker is over; null where it does not wait. */
export function withProbeDue(state: PublisherState): PublisherState | null {
  const { breaker } = state;
  if (breaker.nextProbeAt !== LATER) return null;
  return { ...state, breaker: { ...breaker, nextProbeAt: NOW } };
}

/** No order is in force any more. */
export function lifted(state: PublisherState): PublisherState {
  const resumed = state.paused === null ? state : resume(state);
  return bare(resumed.breaker.manual ? resetBreaker(resumed, BY, NOW) : resumed);
}
