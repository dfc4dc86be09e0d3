/** What is said of a text beside its length. */
export const PLAIN_TEXT = 'without NULs and lone surrogates';

/**
 * A text of 1 to `max` characters that Postgres stores: neither text nor jsonb takes a NUL, and jsonb no lone surrogate. Anything
 * else in a publisher's state would keep its row from ever being written again.
 */
export function isText(value: unknown, max: number): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= max && isStorable(value);
}

/** A text that comes from elsewhere (brokers, other programs), cut to `max`, with what Postgres does not store replaced. */
export function storableText(text: string, max: number): string {
  return text.slice(0, max).replaceAll('\0', '\ufffd').replace(LONE_SURROGATES, '\ufffd');
}

/** With the flag u, a pair is one character that is no surrogate. */
const LONE_SURROGATES = /\p{Surrogate}/gu;

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.search(LONE_SURROGATES) < 0;
}
