/**
 * Token bucket of one publisher, as plain data fed with workflow time. Partial grants, never all-or-nothing: an
 * all-or-nothing quota starves a tenant whose batches are larger than its burst.
 */
export interface QuotaConfig {
  /** Events per second; null = unlimited, 0 = stopped. */
  readonly ratePerSecond: number | null;
  /** Most tokens the bucket holds; at least one whole event. */
  readonly burst: number;
}

export interface QuotaState {
  readonly tokens: number;
  /** When `tokens` was true (ms since epoch). */
  readonly at: number;
}

export const UNLIMITED_QUOTA: QuotaConfig = { ratePerSecond: null, burst: 1_000 };

export function initialQuota(config: QuotaConfig, now: number): QuotaState {
  return { tokens: config.ratePerSecond === 0 ? 0 : config.burst, at: now };
}

/** Adds what time brought. A clock that went backwards brings nothing and takes nothing. */
export function refill(state: QuotaState, config: QuotaConfig, now: number): QuotaState {
  if (config.ratePerSecond === null) return { tokens: config.burst, at: now };
  const elapsed = Math.max(0, now - state.at);
  const tokens = Math.min(config.burst, state.tokens + (elapsed / 1000) * config.ratePerSecond);
  return { tokens, at: now };
}

/** How many events may go now, at most `wanted`. */
export function grantable(state: QuotaState, config: QuotaConfig, wanted: number): number {
  if (config.ratePerSecond === null) return wanted;
  if (config.ratePerSecond === 0 || state.tokens < leastGrant(config, wanted)) return 0;
  return Math.min(wanted, Math.floor(state.tokens));
}

/**
 * A grant of one event at a time costs a drain, a timer and some fifteen history events for each event. So at least a
 * quarter of a second's tokens are gathered first; what a consumer sees per second stays the same.
 */
function leastGrant(config: QuotaConfig, wanted: number): number {
  return Math.min(wanted, config.burst, Math.max(1, Math.floor((config.ratePerSecond ?? 0) / 4)));
}

/** Takes what was really recorded (may drive the bucket below zero: a debt is paid by waiting). */
export function spend(state: QuotaState, config: QuotaConfig, events: number): QuotaState {
  return config.ratePerSecond === null ? state : { ...state, tokens: state.tokens - events };
}

/** ms until the next grant is due, at most 30 days; null = never under this config. */
export function waitForTokens(state: QuotaState, config: QuotaConfig, wanted: number): number | null {
  if (config.ratePerSecond === null) return 0;
  if (config.ratePerSecond <= 0) return null;
  const missing = leastGrant(config, wanted) - state.tokens;
  return Math.min(30 * 86_400_000, Math.max(0, Math.ceil((missing / config.ratePerSecond) * 1000)));
}
