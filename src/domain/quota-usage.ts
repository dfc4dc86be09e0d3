/** What a publisher used of its quota lately: plain data in the workflow's state, for operators. */
export interface QuotaUsage {
  /** Start of the minute that is being counted (ms since epoch). */
  readonly minute: number;
  readonly events: number;
  readonly bytes: number;
  /** The minute before. */
  readonly lastEvents: number;
  readonly lastBytes: number;
  /** How often the publisher had to wait for tokens. */
  readonly denials: number;
  /** Since when it has had more to send than the quota lets through; null = it keeps up. */
  readonly throttledSince: number | null;
}

const MINUTE_MS = 60_000;

export function initialUsage(now: number): QuotaUsage {
  return { minute: now, events: 0, bytes: 0, lastEvents: 0, lastBytes: 0, denials: 0, throttledSince: null };
}

/** Counts what a drain published. A clock that went backwards starts a minute anew. */
export function used(usage: QuotaUsage, now: number, events: number, bytes: number): QuotaUsage {
  const current = rolled(usage, now);
  return { ...current, events: current.events + events, bytes: current.bytes + bytes };
}

/** The publisher waits for tokens. */
export function denied(usage: QuotaUsage, now: number): QuotaUsage {
  return { ...usage, denials: usage.denials + 1, throttledSince: usage.throttledSince ?? now };
}

/** A drain has waited for tokens so often, and is over. */
export function waited(usage: QuotaUsage, times: number): QuotaUsage {
  return times === 0 ? usage : { ...usage, denials: usage.denials + times };
}

/** The backlog is empty: the quota holds nothing up. */
export function keptUp(usage: QuotaUsage): QuotaUsage {
  return usage.throttledSince === null ? usage : { ...usage, throttledSince: null };
}

/** Events of about the last minute: the part of the minute before that is still within it is taken as evenly spread. */
export function lastMinute(usage: QuotaUsage, now: number): { readonly events: number; readonly bytes: number } {
  const { minute, events, bytes, lastEvents, lastBytes } = rolled(usage, now);
  const share = 1 - Math.min(1, Math.max(0, now - minute) / MINUTE_MS);
  return { events: Math.round(events + share * lastEvents), bytes: Math.round(bytes + share * lastBytes) };
}

function rolled(usage: QuotaUsage, now: number): QuotaUsage {
  const passed = now - usage.minute;
  if (passed >= 0 && passed < MINUTE_MS) return usage;
  const next = passed >= MINUTE_MS && passed < 2 * MINUTE_MS;
  return {
    ...usage,
    minute: next ? usage.minute + MINUTE_MS : now,
    events: 0,
    bytes: 0,
    lastEvents: next ? usage.events : 0,
    lastBytes: next ? usage.bytes : 0,
  };
}
