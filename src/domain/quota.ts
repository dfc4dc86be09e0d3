/**
 * Token buckets of one publisher, events and optionally bytes, as plain data fed with workflow time. Partial grants, never
 * all-or-nothing: an all-or-nothing quota starves a tenant whose batches are larger than its burst.
 */
export interface QuotaConfig {
  /** Events per second; null = unlimited, 0 = stopped. */
  readonly ratePerSecond: number | null;
  /** Most tokens the bucket holds; at least one whole event. */
  readonly burst: number;
  /** Bytes per second (payload, and 400 for each event's headers and key); null = unlimited, 0 = stopped. */
  readonly bytesPerSecond: number | null;
  /** Most bytes the bucket holds. A larger event goes when it is full, and is paid off by waiting. */
  readonly byteBurst: number;
}

export interface QuotaState {
  readonly tokens: number;
  readonly byteTokens: number;
  /** When both were true (ms since epoch). */
  readonly at: number;
}

/** What one drain may record. */
export interface Grant {
  readonly events: number;
  /** null = as many as the events have. */
  readonly bytes: number | null;
}

export const UNLIMITED_QUOTA: QuotaConfig = {
  ratePerSecond: null,
  burst: 1_000,
  bytesPerSecond: null,
  byteBurst: 1_048_576,
};

/** ms: longer waits are no use to anybody, and Postgres and timers have their own limits. */
const LONGEST_WAIT_MS = 30 * 86_400_000;

export function initialQuota(config: QuotaConfig, now: number): QuotaState {
  return {
    tokens: config.ratePerSecond === 0 ? 0 : config.burst,
    byteTokens: config.bytesPerSecond === 0 ? 0 : config.byteBurst,
    at: now,
  };
}

/** Adds what time brought. A clock that went backwards brings nothing and takes nothing. */
export function refill(state: QuotaState, config: QuotaConfig, now: number): QuotaState {
  const seconds = Math.max(0, now - state.at) / 1000;
  const filled = (tokens: number, rate: number | null, burst: number): number =>
    rate === null ? burst : Math.min(burst, tokens + seconds * rate);
  return {
    tokens: filled(state.tokens, config.ratePerSecond, config.burst),
    byteTokens: filled(state.byteTokens, config.bytesPerSecond, config.byteBurst),
    at: now,
  };
}

/** What may go now, at most `wanted` events; 0 events = nothing. */
export function grantable(state: QuotaState, config: QuotaConfig, wanted: number): Grant {
  const bytes = grantableBytes(state, config);
  if (bytes === 0) return { events: 0, bytes };
  if (config.ratePerSecond === null) return { events: wanted, bytes };
  if (config.ratePerSecond === 0 || state.tokens < leastGrant(config, wanted)) return { events: 0, bytes };
  return { events: Math.min(wanted, Math.floor(state.tokens)), bytes };
}

function grantableBytes(state: QuotaState, config: QuotaConfig): number | null {
  if (config.bytesPerSecond === null) return null;
  if (config.bytesPerSecond === 0 || state.byteTokens < leastBytes(config)) return 0;
  return Math.floor(state.byteTokens);
}

/**
 * A grant of one event at a time costs a drain, a timer and some fifteen history events for each event. So at least a
 * quarter of a second's tokens are gathered first; what a consumer sees per second stays the same.
 */
function leastGrant(config: QuotaConfig, wanted: number): number {
  return Math.min(wanted, config.burst, Math.max(1, Math.floor((config.ratePerSecond ?? 0) / 4)));
}

function leastBytes(config: QuotaConfig): number {
  return Math.min(config.byteBurst, Math.max(1, Math.floor((config.bytesPerSecond ?? 0) / 4)));
}

/** Takes what was really recorded (may drive a bucket below zero: a debt is paid by waiting). */
export function spend(state: QuotaState, config: QuotaConfig, events: number, bytes: number): QuotaState {
  return {
    ...state,
    tokens: config.ratePerSecond === null ? state.tokens : state.tokens - events,
    byteTokens: config.bytesPerSecond === null ? state.byteTokens : state.byteTokens - bytes,
  };
}

/** ms until the next grant is due, at most 30 days; null = never under this config. */
export function waitForTokens(state: QuotaState, config: QuotaConfig, wanted: number): number | null {
  const events = waitFor(config.ratePerSecond, leastGrant(config, wanted) - state.tokens);
  const bytes = waitFor(config.bytesPerSecond, leastBytes(config) - state.byteTokens);
  return events === null || bytes === null ? null : Math.max(events, bytes);
}

function waitFor(rate: number | null, missing: number): number | null {
  if (rate === null) return 0;
  if (rate <= 0) return null;
  return Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil((missing / rate) * 1000)));
}
