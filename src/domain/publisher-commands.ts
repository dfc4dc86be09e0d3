import type { OpenBreaker } from './breaker';
import { breakerOpenedByOperator, breakerResetByOperator, reopened } from './breaker';
import type { BreakerConfig } from './breaker';
import type { QuotaConfig } from './quota';
import { initialQuota } from './quota';
import type { OnPoison } from './hold-key';
import { HALT_CHOICES } from './halt';
import { checkPlainKey } from './plain-key';
import type { PlainKey } from './plain-key';
import { unhalt } from './publisher-halt';
import type { HaltChoice } from './halt';
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
  readonly choice: HaltChoice;
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

/** `state` null: the publisher's row, which says whether it is halted, was not read yet. */
export function checkUnhalt(command: unknown, state: PublisherState | null): string | null {
  const wrong = checkByWhy(command);
  if (wrong !== null) return wrong;
  const choice = field(command, 'choice');
  if (choice !== 'recheck' && state !== null && state.halted === null)
    return 'the publisher is not halted: there is nothing to decide';
  if (HALT_CHOICES.some((known) => known === choice)) return null;
  return 'choice must be recheck (compare again), adopt (Kafka is right) or resend (Postgres is right, doubles possible)';
}

export function checkConfigure(command: unknown): string | null {
  const wrong = checkBy(command);
  if (wrong !== null) return wrong;
  const breaker = field(command, 'breaker');
  const quota = field(command, 'quota');
  const wrongPart = checkBreaker(breaker) ?? checkQuota(quota);
  if (wrongPart !== null) return wrongPart;
  const onPoison = field(command, 'onPoison');
  if (onPoison !== undefined && onPoison !== 'hold-key' && onPoison !== 'skip')
    return 'onPoison must be hold-key or skip';
  const maxAttempts = field(command, 'maxAttempts');
  if (!inRange(maxAttempts, 1, 100) || (maxAttempts !== undefined && !Number.isInteger(maxAttempts)))
    return 'maxAttempts must be a whole number from 1 to 100: how often one event may be refused until it is parked';
  if (!inRange(field(command, 'weight'), 0.001, 1_000)) return 'weight must be 0.001 to 1000';
  return checkPlainKey(field(command, 'plainKey'));
}

function checkBreaker(breaker: unknown): string | null {
  if (breaker === undefined || breaker === null) return null;
  if (typeof breaker !== 'object') return 'breaker must be an object, or null for the defaults';
  for (const name of ['threshold', 'failureThreshold']) {
    if (!inRange(field(breaker, name), 1, 1_000)) return `breaker.${name} must be a number from 1 to 1000`;
  }
  if (!inRange(field(breaker, 'resetMs'), 100, 86_400_000)) return 'breaker.resetMs must be 100 to 86400000 (ms)';
  if (!inRange(field(breaker, 'resetInterval'), 0.1, 86_400)) return 'breaker.resetInterval must be 0.1 to 86400 (s)';
  return null;
}

function checkQuota(quota: unknown): string | null {
  if (quota === undefined || quota === null) return null;
  if (typeof quota !== 'object') return 'quota must be an object, or null for the defaults';
  const rate = (name: string, max: number): string | null => {
    const value = field(quota, name);
    return value === null || inRange(value, 0, max) ? null : `quota.${name} must be 0 to ${max}, or null for no limit`;
  };
  const wrong = rate('ratePerSecond', 10_000_000) ?? rate('bytesPerSecond', 10_000_000_000);
  if (wrong !== null) return wrong;
  if (!inRange(field(quota, 'burst'), 1, 10_000_000)) return 'quota.burst must be 1 to 10000000';
  if (!inRange(field(quota, 'byteBurst'), 1, 10_000_000_000)) return 'quota.byteBurst must be 1 to 10000000000';
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

export function resetBreaker(state: PublisherState, command: ByCommand, now: number): PublisherState {
  const overrides = { ...state.overrides, heldOpen: undefined };
  const breaker = breakerResetByOperator(state.breaker, now, `${command.by} reset it`);
  return { ...state, overrides, breaker, drain: { ...state.drain, woken: true, retryAt: null } };
}

export function endHalt(state: PublisherState, { choice, by, why }: UnhaltCommand): PublisherState {
  return unhalt(state, choice === 'recheck' ? null : { choice, by, why });
}

/** Puts what the publisher's row remembers in force: after a terminated workflow or a wiped Temporal. */
export function restore(
  state: PublisherState,
  saved: {
    readonly limits: Overrides;
    readonly paused: PublisherState['paused'];
    readonly halted: PublisherState['halted'];
    readonly breaker?: OpenBreaker | null;
  },
): PublisherState {
  const restored: PublisherState = {
    ...state,
    overrides: { ...saved.limits, ...state.overrides },
    paused: state.paused ?? saved.paused,
    halted: saved.halted,
    breaker: saved.breaker == null ? state.breaker : reopened(saved.breaker),
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
