import type { OpenBreaker } from './breaker';
import { breakerOpenedByOperator, breakerResetByOperator, reopened } from './breaker';
import type { BreakerConfig } from './breaker';
import type { QuotaConfig } from './quota';
import { initialQuota } from './quota';
import type { OnPoison } from './hold-key';
import type { PlainKey } from './plain-key';
import { mergeConfig } from './publisher-state';
import type { Overrides, PublisherConfig, PublisherState } from './publisher-state';
import { PLAIN_TEXT, isText } from './text';

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
  readonly choice: 'recheck';
}
export interface ConfigureCommand {
  readonly by: string;
  /** null = back to the deployment's. `failureThreshold` and `resetInterval` (seconds) are other names of the same two. */
  readonly breaker?:
    (Partial<BreakerConfig> & { readonly failureThreshold?: number; readonly resetInterval?: number }) | null;
  /** null = back to the deployment's, with a full bucket. */
  readonly quota?: Partial<QuotaConfig> | null;
  readonly onPoison?: OnPoison;
  readonly maxAttempts?: number;
  readonly weight?: number;
  /** All of the list: an empty one takes it back. */
  readonly plainKey?: PlainKey;
  /** For the history; the admin API sends it with every order. */
  readonly why?: string;
}

/** Each check answers null, or one sentence that says what is wrong and what would be right. */
export function checkBy(command: unknown): string | null {
  if (isText(field(command, 'by'), 200)) return null;
  return `by must be a text of 1 to 200 characters ${PLAIN_TEXT}: who gives this order`;
}

export function checkByWhy(command: unknown): string | null {
  const wrong = checkBy(command);
  if (wrong !== null || isText(field(command, 'why'), 500)) return wrong;
  return `why must be a text of 1 to 500 characters ${PLAIN_TEXT}`;
}

export function checkPause(command: unknown): string | null {
  const wrong = checkByWhy(command);
  if (wrong !== null) return wrong;
  const until = field(command, 'until');
  if (until === undefined || until === null || moment(until) !== null) return null;
  return 'until must be milliseconds since 1970 or an ISO-8601 time';
}

/** A publisher never halts, its relays may: all that is left to choose is to look again. */
export function checkUnhalt(command: unknown): string | null {
  const wrong = checkByWhy(command);
  if (wrong !== null || field(command, 'choice') === 'recheck') return wrong;
  return 'the publisher is not halted, so its choice can only be recheck: halted relays are shown by outboxctl halted';
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

export function resetBreaker(state: PublisherState, command: ByCommand, now: number): PublisherState {
  const overrides = { ...state.overrides, heldOpen: undefined };
  const breaker = breakerResetByOperator(state.breaker, now, `${command.by} reset it`);
  return { ...state, overrides, breaker, drain: { ...state.drain, woken: true, retryAt: null } };
}

/** What was in the way may be gone: it tries at once. */
export function recheck(state: PublisherState): PublisherState {
  return { ...state, drain: { ...state.drain, woken: true, retryAt: null } };
}

/** Puts what the publisher's row remembers in force: after a terminated workflow or a wiped Temporal. */
export function restore(
  state: PublisherState,
  saved: {
    readonly limits: Overrides;
    readonly paused: PublisherState['paused'];
    readonly breaker: OpenBreaker | null;
  },
): PublisherState {
  const restored: PublisherState = {
    ...state,
    overrides: { ...saved.limits, ...state.overrides },
    paused: state.paused ?? saved.paused,
    breaker: saved.breaker === null ? state.breaker : reopened(saved.breaker),
  };
  return saved.limits.heldOpen === undefined ? restored : holdOpen(restored, saved.limits.heldOpen);
}

export function configure(state: PublisherState, command: ConfigureCommand, now: number): PublisherState {
  const { breaker, quota, onPoison, maxAttempts, weight, plainKey } = command;
  // A null takes the operator's word back: JSON leaves an undefined field out, in the state and in the row.
  const change: Overrides = {
    ...(breaker === undefined ? {} : { breaker: breaker === null ? undefined : merged(state, breaker) }),
    ...(quota === undefined ? {} : { quota: quota === null ? undefined : { ...state.overrides.quota, ...quota } }),
    ...(onPoison === undefined ? {} : { onPoison }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(weight === undefined ? {} : { weight }),
    ...(plainKey === undefined ? {} : { plainKey: [...new Set(plainKey)] }),
  };
  const next = inForce({ ...state, overrides: { ...state.overrides, ...change } });
  return quota === null ? { ...next, quota: { ...initialQuota(next.config.quota, now), ...next.config.quota } } : next;
}

function merged(
  state: PublisherState,
  { failureThreshold, resetInterval, threshold, resetMs }: NonNullable<ConfigureCommand['breaker']>,
): Partial<BreakerConfig> {
  const most = threshold ?? failureThreshold;
  const wait = resetMs ?? (resetInterval === undefined ? undefined : Math.round(resetInterval * 1_000));
  return {
    ...state.overrides.breaker,
    ...(most === undefined ? {} : { threshold: most }),
    ...(wait === undefined ? {} : { resetMs: wait }),
  };
}

/** The deployment's settings, read at the start of each run, under what operators set. */
export function withDefaults(state: PublisherState, defaults: PublisherConfig): PublisherState {
  return inForce({ ...state, defaults });
}

/** Puts a config in force: a smaller burst cuts the tokens at hand, a larger one is filled by time only. */
function inForce(state: PublisherState): PublisherState {
  const config = mergeConfig(state.defaults, state.overrides);
  const { tokens, byteTokens, at } = state.quota;
  return {
    ...state,
    config,
    quota: {
      tokens: Math.min(tokens, config.quota.burst),
      byteTokens: Math.min(byteTokens, config.quota.byteBurst),
      at,
      ...config.quota,
    },
    drain: { ...state.drain, woken: true },
  };
}

const END_OF_YEAR_9999 = 253_402_300_799_999;

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** Ms since epoch of such a number or of an ISO-8601 time; null if it is neither. */
export function moment(value: unknown): number | null {
  const at = typeof value === 'number' ? value : typeof value === 'string' ? Date.parse(value) : NaN;
  // Nanoseconds by mistake would be beyond what Date and Postgres can hold, and wedge the workflow that formats them.
  return at >= 0 && at <= END_OF_YEAR_9999 ? at : null;
}
