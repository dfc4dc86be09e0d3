import { recordOf } from './output';

export interface Count {
  readonly count: number;
  /** False: there are at least so many; the service stopped counting. */
  readonly exact: boolean;
}

/** A count of the admin API, or null if the answer has none. */
export function countOf(value: unknown): Count | null {
  const { count, exact } = recordOf(value);
  return typeof count === 'number' ? { count, exact: exact !== false } : null;
}

export function countText(value: unknown): string {
  const counted = countOf(value);
  if (counted === null) return '-';
  return counted.exact ? String(counted.count) : `${counted.count} or more`;
}
