/** What one step of retention asks for and tells. Plain JSON, never payloads. */
export interface PurgeRequest {
  /** Tenants up to and including this name are done; '' = none yet. */
  readonly after: string;
  /** Of the next tenant, events up to this id are done; '0' = none yet. */
  readonly event: string;
}

export interface PurgeCounts {
  readonly published: number;
  readonly skipped: number;
}

/** `after` and `event` say where the next step goes on. */
export interface PurgeStep extends PurgeCounts, PurgeRequest {
  /** Tenants that this step finished. */
  readonly tenants: number;
  /** False while there are tenants left: the step's time was over, or its worker shuts down. */
  readonly done: boolean;
}

/** The activity of the retention workflow. */
export interface RetentionActivities {
  purgeExpired(request: PurgeRequest): Promise<PurgeStep>;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Deduplication ends with the event: callers that repeat themselves for longer than this need more. */
export const MIN_RETENTION_MS = 3_600_000;
export const MAX_RETENTION_MS = 3_650 * 86_400_000;

/**
 * A tenant's own retention in ms: a number with its unit (`"30d"`, `"36h"`) as `settings.retention` holds it; null if it is
 * not understood or out of bounds, so that a typing mistake never deletes early.
 */
export function parseRetention(setting: unknown): number | null {
  const match = typeof setting === 'string' ? /^(\d{1,9})([smhd])$/.exec(setting) : null;
  if (match === null) return null;
  const ms = Number(match[1]) * (UNITS[match[2] ?? ''] ?? NaN);
  return ms >= MIN_RETENTION_MS && ms <= MAX_RETENTION_MS ? ms : null;
}
