import { CLOSED_BREAKER, breakerOpenedByOperator } from './breaker';
import type { OnPoison } from './hold-key';
import { mergeConfig } from './publisher-state';
import type { Overrides, PublisherConfig, PublisherState } from './publisher-state';

/** Arguments of the commands, as signals and updates carry them (DESIGN's fixed surface). */
export interface PauseCommand {
  readonly by: string;
  readonly why: string;
  /** ms since epoch or ISO-8601; absent = until resumed. */
  readonly until?: number | string;
}
export interface ByCommand {
  readonly by: string;
}
export interface OpenBreakerCommand {
  readonly by: string;
  readonly why: string;
}
export interface UnhaltCommand {
  readonly by: string;
  readonly why: string;
  /** `recheck`: the cause is mended, compare row and ledger again. Nothing is adopted or sent without them agreeing. */
  readonly choice: 'recheck';
}
export interface ConfigureCommand {
  readonly by: string;
  readonly breaker?: { readonly threshold?: number; readonly resetMs?: number };
  readonly quota?: { readonly ratePerSecond?: number | null; readonly burst?: number };
  readonly onPoison?: OnPoison;
  readonly maxAttempts?: number;
  readonly weight?: number;
}

/** Each check answers null, or one sentence that says what is wrong and what would be right. */
export function checkBy(command: unknown): string | null {
  return isText(field(command, 'by'), 200) ? null : 'by must be a text of 1 to 200 characters: who gives this order';
}

export function checkByWhy(command: unknown): string | null {
  return checkBy(command) ?? (isText(field(command, 'why'), 500) ? null : 'why must be a text of 1 to 500 characters');
}

export function checkPause(command: unknown): string | null {
  const wrong = checkByWhy(command);
  if (wrong !== null) return wrong;
  const until = field(command, 'until');
  if (until === undefined || until === null || moment(until) !== null) return null;
  return 'until must be milliseconds since 1970 or an ISO-8601 time';
}

export function checkUnhalt(command: unknown): string | null {
  const wrong = checkByWhy(command);
  if (wrong !== null) return wrong;
  return field(command, 'choice') === 'recheck' ? null : 'choice must be recheck: compare row and ledger again';
}

export function checkConfigure(command: unknown): string | null {
  const wrong = checkBy(command);
  if (wrong !== null) return wrong;
  const breaker = field(command, 'breaker');
  const quota = field(command, 'quota');
  if (breaker !== undefined) {
    if (!inRange(field(breaker, 'threshold'), 1, 1_000)) return 'breaker.threshold must be a number from 1 to 1000';
    if (!inRange(field(breaker, 'resetMs'), 100, 86_400_000)) return 'breaker.resetMs must be 100 to 86400000 (ms)';
  }
  if (quota !== undefined) {
    const rate = field(quota, 'ratePerSecond');
    if (rate !== null && !inRange(rate, 0, 10_000_000))
      return 'quota.ratePerSecond must be 0 to 10000000, or null for no limit';
    if (!inRange(field(quota, 'burst'), 1, 10_000_000)) return 'quota.burst must be 1 to 10000000';
  }
  const onPoison = field(command, 'onPoison');
  if (onPoison !== undefined && onPoison !== 'hold-key' && onPoison !== 'skip')
    return 'onPoison must be hold-key or skip';
  const maxAttempts = field(command, 'maxAttempts');
  if (!inRange(maxAttempts, 1, 100) || (maxAttempts !== undefined && !Number.isInteger(maxAttempts)))
    return 'maxAttempts must be a whole number from 1 to 100: how often one event may be refused until it is parked';
  if (!inRange(field(command, 'weight'), 0.001, 1_000)) return 'weight must be 0.001 to 1000';
  return null;
}

export function pause(state: PublisherState, command: PauseCommand, now: number): PublisherState {
  const until = command.until === undefined ? null : moment(command.until);
  return { ...state, paused: { by: command.by, why: command.why, since: now, until } };
}

export function resume(state: PublisherState): PublisherState {
  return { ...state, paused: null, drain: { ...state.drain, woken: true } };
}

export function openBreaker(state: PublisherState, command: OpenBreakerCommand, now: number): PublisherState {
  return holdOpen(state, { reason: `${command.by}: ${command.why}`, since: now });
}

/** The breaker as an operator opened it, now or before the workflow was lost. */
function holdOpen(state: PublisherState, heldOpen: NonNullable<Overrides['heldOpen']>): PublisherState {
  const breaker = breakerOpenedByOperator(state.breaker, heldOpen.since, heldOpen.reason);
  return { ...state, breaker, overrides: { ...state.overrides, heldOpen } };
}

export function resetBreaker(state: PublisherState): PublisherState {
  const overrides = { ...state.overrides, heldOpen: undefined };
  return { ...state, overrides, breaker: CLOSED_BREAKER, drain: { ...state.drain, woken: true, retryAt: null } };
}

export function unhalt(state: PublisherState): PublisherState {
  return { ...state, halted: null, drain: { ...state.drain, woken: true, doubt: true, retryAt: null } };
}

/** Puts what the publisher's row remembers in force: after a terminated workflow or a wiped Temporal. */
export function restore(
  state: PublisherState,
  saved: {
    readonly limits: Overrides;
    readonly paused: PublisherState['paused'];
    readonly halted: PublisherState['halted'];
  },
): PublisherState {
  const restored: PublisherState = {
    ...state,
    overrides: { ...saved.limits, ...state.overrides },
    paused: state.paused ?? saved.paused,
    halted: saved.halted,
  };
  return saved.limits.heldOpen === undefined ? restored : holdOpen(restored, saved.limits.heldOpen);
}

export function configure(state: PublisherState, command: ConfigureCommand): PublisherState {
  const { breaker, quota, onPoison, maxAttempts, weight } = command;
  const change: Overrides = {
    ...(breaker === undefined ? {} : { breaker: { ...state.overrides.breaker, ...breaker } }),
    ...(quota === undefined ? {} : { quota: { ...state.overrides.quota, ...quota } }),
    ...(onPoison === undefined ? {} : { onPoison }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(weight === undefined ? {} : { weight }),
  };
  const overrides = { ...state.overrides, ...change };
  return withConfig({ ...state, overrides }, mergeConfig(state.config, overrides));
}

/** Puts a config in force: a smaller burst cuts the tokens at hand, a larger one is filled by time only. */
export function withConfig(state: PublisherState, config: PublisherConfig): PublisherState {
  const tokens = Math.min(state.quota.tokens, config.quota.burst);
  return {
    ...state,
    config,
    quota: { tokens, at: state.quota.at, ...config.quota },
    drain: { ...state.drain, woken: true },
  };
}

const END_OF_YEAR_9999 = 253_402_300_799_999;

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= max;
}

function inRange(value: unknown, min: number, max: number): boolean {
  return value === undefined || (typeof value === 'number' && value >= min && value <= max);
}

function moment(value: unknown): number | null {
  const at = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : NaN;
  // Nanoseconds by mistake would be beyond what Date and Postgres can hold, and wedge the workflow that formats them.
  return at >= 0 && at <= END_OF_YEAR_9999 ? at : null;
}
