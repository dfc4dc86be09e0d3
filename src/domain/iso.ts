/** ISO-8601 of ms since epoch, as states hold times; null for none and for what a Date cannot hold. */
export function isoOf(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined || Math.abs(ms) > 8.64e15 ? null : new Date(ms).toISOString();
}
