import { explore } from './drain-machine';
import type { Finding } from './explore';
import { scopeOf } from './scopes';
import type { ScopeName } from './scopes';
import type { Rule } from './rules';
import type { Budget } from './world';

/** A protocol that lacks rules, and where that shows. */
export interface Mutation {
  readonly off: readonly Rule[];
  readonly scope: ScopeName;
  /** What must be possible beyond the small scope. */
  readonly more?: Partial<Budget>;
  /**
   * any      the first broken promise, which is often a halt without a reason
   * harm     a double, a loss, a false state or a broken order
   * healed   harm that shows when everything under way is killed and a drain without faults runs
   */
  readonly looksFor: 'any' | 'harm' | 'healed';
  /** Steps of a shortest trace. */
  readonly steps: number;
}

/**
 * Two rules that guard the same thing hide each other, hence the pairs: after a fail-over the server's name in the fence
 * stops a drain before the compare-and-set of seq could.
 */
export const MUTATIONS: readonly Mutation[] = [
  { off: ['pgFence'], scope: 'races', looksFor: 'any', steps: 15 },
  { off: ['pgFence'], scope: 'shrinks', looksFor: 'harm', steps: 16 },
  { off: ['recheckFence'], scope: 'shrinks', more: { runs: 3 }, looksFor: 'harm', steps: 25 },
  { off: ['haltUnderFence'], scope: 'races', looksFor: 'any', steps: 15 },
  { off: ['clockAfterLedger'], scope: 'time', looksFor: 'harm', steps: 22 },
  { off: ['expiryFromRecording'], scope: 'time', looksFor: 'any', steps: 22 },
  { off: ['serverFenced'], scope: 'forgotten', looksFor: 'harm', steps: 13 },
  { off: ['serverFenced'], scope: 'failover', looksFor: 'harm', steps: 18 },
  { off: ['ledgerAfterInit'], scope: 'races', looksFor: 'harm', steps: 19 },
  { off: ['stableLedger'], scope: 'races', looksFor: 'harm', steps: 19 },
  { off: ['readsLog'], scope: 'stuck', looksFor: 'harm', steps: 17 },
  { off: ['readsLog', 'confirmLedger'], scope: 'restarts', looksFor: 'harm', steps: 17 },
  { off: ['readsLog', 'looksAgain'], scope: 'restarts', looksFor: 'any', steps: 18 },
  { off: ['missingLedgerHalts'], scope: 'time', looksFor: 'harm', steps: 22 },
  { off: ['ledgerNamesBatch'], scope: 'failover', looksFor: 'healed', steps: 19 },
  { off: ['newEpochOnDoubt'], scope: 'races', looksFor: 'any', steps: 19 },
  { off: ['recordAfterLedger'], scope: 'races', looksFor: 'any', steps: 10 },
  { off: ['compareAndSet', 'serverFenced'], scope: 'failover', looksFor: 'harm', steps: 18 },
  { off: ['excludeMembers'], scope: 'races', looksFor: 'harm', steps: 15 },
  { off: ['noIdBound'], scope: 'races', looksFor: 'healed', steps: 13 },
  { off: ['revisionChecked'], scope: 'operators', looksFor: 'harm', steps: 9 },
  { off: ['settleOnce'], scope: 'operators', looksFor: 'harm', steps: 20 },
  { off: ['holdKey'], scope: 'shrinks', looksFor: 'harm', steps: 11 },
  { off: ['operatorsRefuse'], scope: 'operators', looksFor: 'harm', steps: 9 },
  { off: ['adoptReadsMessages'], scope: 'adopted', looksFor: 'healed', steps: 20 },
  { off: ['adoptComparesKeys'], scope: 'adopted', looksFor: 'harm', steps: 27 },
  { off: ['resendDropsFirst'], scope: 'resent', looksFor: 'healed', steps: 23 },
  { off: ['resendKeepsNumbers'], scope: 'expired', looksFor: 'healed', steps: 24 },
  { off: ['pauseAtRecord'], scope: 'paused', looksFor: 'any', steps: 10 },
  { off: ['takesBack'], scope: 'paused', looksFor: 'healed', steps: 10 },
  { off: ['looksTakeBack'], scope: 'quota', looksFor: 'healed', steps: 17 },
  { off: ['retriesSubtract'], scope: 'quota', looksFor: 'any', steps: 17 },
  { off: ['asksUnderFence'], scope: 'quota', looksFor: 'any', steps: 21 },
  { off: ['againGrantsNothing'], scope: 'quota', looksFor: 'any', steps: 15 },
  { off: ['failuresAsk'], scope: 'quota', more: { timeouts: 0 }, looksFor: 'any', steps: 15 },
  { off: ['lateStartsStop'], scope: 'quota', looksFor: 'any', steps: 13 },
  { off: ['resendFits'], scope: 'breaker', looksFor: 'any', steps: 22 },
  { off: ['heedsBreaker'], scope: 'breaker', looksFor: 'any', steps: 15 },
  { off: ['looksDecideNothing'], scope: 'breaker', looksFor: 'any', steps: 17 },
];

/** A shortest trace that shows what the missing rules prevent, or null if the exploration ends without. */
export function showMutation({ off, scope, more, looksFor }: Mutation, states = 400_000): Finding | null {
  const limits = { depth: 1_000, states, heal: looksFor === 'healed' };
  const small = scopeOf(scope, 'small', off, looksFor !== 'any');
  return explore({ ...small, budget: { ...small.budget, ...more } }, limits).found[0] ?? null;
}

/** One row of the table in docs/model.md: rules off, scope, what breaks, steps. */
export function rowOf({ off, scope }: Mutation, found: Finding): string {
  const cells = [off.map((rule) => `\`${rule}\``).join(', '), scope, found.broken, String(found.trace.length)];
  return `| ${cells.join(' | ')} |`;
}
