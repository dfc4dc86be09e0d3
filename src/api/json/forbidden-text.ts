/**
 * NUL characters and lone surrogates: legal in a JSON string as escapes, but Postgres' jsonb and text refuse the first and
 * no UTF-8 consumer can represent the second. Refused everywhere in the body, payload included: an event that half of the
 * world's consumers cannot read is worth a 400 today rather than a parked event tomorrow.
 */

// An escape pair of two proper surrogates is consumed as one match; whatever is left over is lone. `\\\\` is consumed so that
// a backslash written before "u0000" is not taken for an escape.
const ESCAPES = /\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([0-9a-fA-F]{4})|[^u])/g;

/** What is forbidden in this well-formed JSON text, or null. Raw NULs and raw lone surrogates cannot occur in it. */
export function forbiddenText(text: string): string | null {
  // Nearly no body has \u escapes: one native search instead of a regular expression over every body.
  if (!text.includes('\\u')) return null;
  for (const match of text.matchAll(ESCAPES)) {
    const escape = match[2];
    if (escape === undefined) continue;
    const unit = Number.parseInt(escape, 16);
    if (unit === 0) return `a NUL character (\\u0000) at character ${match.index}`;
    if (unit >= 0xd800 && unit <= 0xdfff) return `a lone surrogate (\\u${escape}) at character ${match.index}`;
  }
  return null;
}
