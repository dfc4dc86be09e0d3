import { z } from 'zod';

/**
 * Strict parsers from one environment variable's text. A value that is not fully understood is an error, never a silent
 * default: `OUTBOX_LINGER=15` (of what?) has to be refused, not guessed.
 */

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 } as const;

/** A parser that returns undefined for "not understood"; the variable's value is never echoed, it may be a secret. */
function parsed<T>(parse: (text: string) => T | undefined, expected: string): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value === undefined) {
      context.addIssue({ code: 'custom', message: `must be ${expected}` });
      return z.NEVER;
    }
    return value;
  });
}

/** A whole number in decimal digits, min ≤ n ≤ max. */
export function integer(min: number, max: number): z.ZodType<number, string> {
  return parsed((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : undefined;
  }, `a whole number from ${min} to ${max}`);
}

/** `true` or `false`, nothing else ("yes", "on" and "1" mean different things in different tools). */
export function boolean(): z.ZodType<boolean, string> {
  return parsed((text) => (text === 'true' ? true : text === 'false' ? false : undefined), '"true" or "false"');
}

/** A number with a unit (ms, s, m, h, d), e.g. `500ms`, `1.5s`; the result is in ms. */
export function duration(minMs: number, maxMs: number): z.ZodType<number, string> {
  return parsed((text) => {
    const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
    if (match === null) return undefined;
    const ms = Number(match[1]) * DURATION_UNITS[match[2] as keyof typeof DURATION_UNITS];
    return Number.isInteger(ms) && ms >= minMs && ms <= maxMs ? ms : undefined;
  }, `a duration with its unit (such as 500ms, 15s, 5m) from ${minMs}ms to ${maxMs}ms`);
}

/** A number of bytes, alone or with B, KiB, MiB or GiB, e.g. `4MiB`. */
export function byteSize(min: number, max: number): z.ZodType<number, string> {
  return parsed((text) => {
    const match = /^(\d{1,12}) ?(B|KiB|MiB|GiB)?$/.exec(text);
    if (match === null) return undefined;
    const bytes = Number(match[1]) * SIZE_UNITS[(match[2] ?? 'B') as keyof typeof SIZE_UNITS];
    return bytes >= min && bytes <= max ? bytes : undefined;
  }, `a size in bytes or with B, KiB, MiB or GiB (such as 4MiB) from ${min} to ${max} bytes`);
}

/** `postgres://…` or `postgresql://…`, left as text for the driver. */
export function postgresUrl(): z.ZodType<string, string> {
  return parsed((text) => {
    try {
      return ['postgres:', 'postgresql:'].includes(new URL(text).protocol) ? text : undefined;
    } catch {
      return undefined;
    }
  }, 'a URL like postgres://user:password@host:5432/database (percent-encode special characters in user and password)');
}

/** `host:port`. */
export function hostAndPort(): z.ZodType<string, string> {
  return parsed((text) => (isHostAndPort(text) ? text : undefined), 'of the form host:port');
}

/** `host:port`, comma-separated. */
export function hostsAndPorts(): z.ZodType<readonly string[], string> {
  return parsed((text) => {
    const items = list(text);
    return items.length > 0 && items.every(isHostAndPort) ? items : undefined;
  }, 'a comma-separated list of host:port');
}

/** Comma-separated regular expressions, each of which must match a whole name. */
export function patterns(): z.ZodType<readonly RegExp[], string> {
  return parsed((text) => {
    try {
      const items = list(text).map((item) => new RegExp(`^(?:${item})$`, 'u'));
      return items.length > 0 ? items : undefined;
    } catch {
      return undefined;
    }
  }, 'a comma-separated list of regular expressions (write a comma inside one as \\x2c)');
}

/** Comma-separated `tenant/topic` pairs; `*` stands for every tenant or every topic. */
export function tenantTopicPairs(): z.ZodType<readonly { tenant: string; topic: string }[], string> {
  return parsed((text) => {
    const pairs = list(text).map((item) => /^([A-Za-z0-9._-]{1,100}|\*)\/([A-Za-z0-9._-]{1,249}|\*)$/.exec(item));
    if (pairs.length === 0) return undefined;
    const found: { tenant: string; topic: string }[] = [];
    for (const pair of pairs) {
      if (pair === null) return undefined;
      found.push({ tenant: pair[1] as string, topic: pair[2] as string });
    }
    return found;
  }, 'a comma-separated list of tenant/topic pairs (* stands for any)');
}

/** Text that matches a pattern as a whole. */
export function text(pattern: RegExp, expected: string): z.ZodType<string, string> {
  return parsed((value) => (pattern.test(value) ? value : undefined), expected);
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): z.ZodType<T, string> {
  return parsed((value) => words.find((word) => word === value), `one of ${words.join(', ')}`);
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isHostAndPort(text: string): boolean {
  const match = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[1]) >= 1 && Number(match[1]) <= 65_535;
}
