import { checkPlainKey } from './plain-key';
import { checkBy, checkByWhy, field } from './publisher-commands';

const CONFIGURE_FIELDS = ['by', 'why', 'breaker', 'quota', 'onPoison', 'maxAttempts', 'weight', 'plainKey'];
const BREAKER_FIELDS = ['threshold', 'failureThreshold', 'resetMs', 'resetInterval'];
const QUOTA_FIELDS = ['ratePerSecond', 'burst', 'bytesPerSecond', 'byteBurst'];

/** Unknown fields are refused: a mistyped limit would silently limit nothing, and others would reach into the bucket itself. */
export function checkConfigure(command: unknown): string | null {
  const why = field(command, 'why');
  const wrong = (why === undefined ? checkBy(command) : checkByWhy(command)) ?? stranger(command, CONFIGURE_FIELDS);
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
  const unknown = checkPart('breaker', breaker, BREAKER_FIELDS);
  if (unknown !== null) return unknown;
  for (const name of ['threshold', 'failureThreshold']) {
    if (!inRange(field(breaker, name), 1, 1_000)) return `breaker.${name} must be a number from 1 to 1000`;
  }
  if (!inRange(field(breaker, 'resetMs'), 100, 86_400_000)) return 'breaker.resetMs must be 100 to 86400000 (ms)';
  if (!inRange(field(breaker, 'resetInterval'), 0.1, 86_400)) return 'breaker.resetInterval must be 0.1 to 86400 (s)';
  return null;
}

function checkQuota(quota: unknown): string | null {
  if (quota === undefined || quota === null) return null;
  const unknown = checkPart('quota', quota, QUOTA_FIELDS);
  if (unknown !== null) return unknown;
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

function checkPart(name: string, part: unknown, known: readonly string[]): string | null {
  if (typeof part !== 'object' || Array.isArray(part)) return `${name} must be an object, or null for the defaults`;
  return stranger(part, known, `${name}.`);
}

function stranger(part: unknown, known: readonly string[], prefix = ''): string | null {
  const found = Object.keys(part as object).find((name) => !known.includes(name));
  return found === undefined ? null : `${prefix}${found.slice(0, 50)} is unknown: use ${known.join(', ')}`;
}

function inRange(value: unknown, min: number, max: number): boolean {
  return value === undefined || (typeof value === 'number' && value >= min && value <= max);
}
