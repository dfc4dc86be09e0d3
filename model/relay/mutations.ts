import type { Budget } from './budget';
import { exploreMachine } from '../explore';
import type { Finding } from '../explore';
import { relayMachine } from './machine';
import type { Rule } from './rules';
import { scopeOf } from './scopes';
import type { ScopeName } from './scopes';

/** A protocol that lacks rules, and where that shows. */
export interface Mutation {
  readonly off: readonly Rule[];
  readonly scope: ScopeName;
  /** What must be possible beyond the small scope. */
  readonly more?: Partial<Budget>;
  /** Steps that lead to where it shows: without them too many states. */
  readonly already?: readonly string[];
  /** Steps of a shortest trace. */
  readonly steps: number;
}

/** Rules that guard the same thing hide each other, hence the pairs. */
export const MUTATIONS: readonly Mutation[] = [
  { off: ['fenceFirst'], scope: 'moved', more: { runs: 2 }, steps: 24 },
  { off: ['initBeforeRead'], scope: 'locked', steps: 19 },
  { off: ['readsToBarrier'], scope: 'core', more: { staleReads: 1 }, steps: 19 },
  { off: ['startsAtL'], scope: 'bereft', steps: 11 },
  { off: ['knowsTopic'], scope: 'bereft', steps: 13 },
  { off: ['ledgerReachesBack'], scope: 'bereft', steps: 18 },
  { off: ['seqWithoutGap'], scope: 'bereft', steps: 15 },
  { off: ['knowsAncestors'], scope: 'split', steps: 27 },
  { off: ['timelines'], scope: 'restored', more: { fills: 1 }, steps: 10 },
  { off: ['shorterLog', 'generations'], scope: 'copied', steps: 5 },
  { off: ['fingerprints'], scope: 'failover', steps: 12 },
  { off: ['whateverStatus'], scope: 'refused', more: { failovers: 1 }, steps: 18 },
  { off: ['restoresCopies'], scope: 'replayed', steps: 24 },
  { off: ['chunksMoveL'], scope: 'locked', steps: 14 },
  { off: ['closesBelowF'], scope: 'moved', steps: 9 },
  { off: ['adoptsAfterSettling'], scope: 'locked', steps: 18 },
  { off: ['adoptsRecovered'], scope: 'retired', steps: 18 },
  { off: ['adoptsInOne'], scope: 'moved', steps: 15 },
  { off: ['allRecovered', 'adoptsRecovered'], scope: 'spread', steps: 19 },
  { off: ['ownerFree'], scope: 'moved', steps: 9 },
  { off: ['inFlightAtBegin'], scope: 'locked', steps: 15 },
  { off: ['excludesUnsettled'], scope: 'locked', steps: 12 },
  { off: ['holdKey'], scope: 'refused', steps: 15 },
  { off: ['countsInFlight'], scope: 'quota', steps: 8 },
  { off: ['unsettledCounts'], scope: 'quota', steps: 10 },
  { off: ['allAcknowledged'], scope: 'repeated', steps: 10 },
  { off: ['epochEnds'], scope: 'repeated', steps: 14 },
  { off: ['freshAfterRepeat'], scope: 'repeated', steps: 15 },
  { off: ['unsureStays'], scope: 'moved', more: { repeats: 1 }, steps: 12 },
  { off: ['seqAgain'], scope: 'refused', steps: 14 },
  { off: ['dropsPrepared'], scope: 'refused', steps: 14 },
  { off: ['dropsRunning'], scope: 'refused', steps: 14 },
  { off: ['lockedGoAside'], scope: 'locked', steps: 12 },
  { off: ['detachAwaitsClaim'], scope: 'moved', steps: 10 },
  { off: ['detachAwaitsPrepared'], scope: 'moved', steps: 10 },
  { off: ['detachAwaitsBatches'], scope: 'moved', steps: 10 },
  { off: ['unknownAttach'], scope: 'moved', more: { faults: 1 }, steps: 2 },
  { off: ['unknownDetach'], scope: 'moved', more: { faults: 1 }, steps: 1 },
  { off: ['unknownSettle'], scope: 'core', steps: 15 },
  { off: ['hungDecided'], scope: 'hung', steps: 8 },
  { off: ['hungFenced'], scope: 'hung', steps: 18 },
  {
    off: ['hungWitness'],
    scope: 'hung',
    more: { runs: 3, failovers: 1, olds: 1, kills: 1 },
    already: [
      'P1: claims',
      'P1: has e1',
      'P2: sends e1',
      'replication stalls',
      'old server is still writable',
      'B(r0) T0: fence 2 on S2',
      'T1: its markers hang (ledger written)',
      'its producer hanging',
      'T4, the last chunk',
      'C is killed',
      'C(r1) T0: fence 2 on S2',
      'T1: epoch 2',
      'T2, T3',
      'T4, the last chunk',
      'T5',
    ],
    steps: 16,
  },
  { off: ['nThroughBarrier'], scope: 'raised', steps: 15 },
  { off: ['nWithChunk'], scope: 'raised', steps: 20 },
  {
    off: ['pauseAwaitsRecovery'],
    scope: 'paused',
    more: { failovers: 1, moves: 1 },
    already: ['A(r0) detaches P0', 'replication stalls', 'A(r0) attaches P0', 'P1: claims', 'P1: has e1'],
    steps: 5,
  },
  { off: ['pauseAwaitsOwner'], scope: 'paused', steps: 6 },
  { off: ['notStopped', 'stoppedAtClaim'], scope: 'paused', steps: 8 },
  { off: ['skipsAwaitPause'], scope: 'paused', steps: 5 },
  { off: ['deleteAwaitsPause'], scope: 'paused', steps: 5 },
  { off: ['settlesInOrder', 'lCompared'], scope: 'core', steps: 15 },
  { off: ['fenceAtDetach', 'detachesOwn'], scope: 'moved', steps: 15 },
  { off: ['fenceAtPark'], scope: 'refused', steps: 21 },
  { off: ['fenceAtTakeOver', 'lCompared'], scope: 'core', steps: 15 },
  { off: ['fenceAtSettle', 'lCompared'], scope: 'core', steps: 16 },
  {
    off: ['serverAtAttach'],
    scope: 'failover',
    more: { runs: 2, moves: 1 },
    already: [
      'A(r0) detaches P0',
      'replication stalls',
      'B(r0) T0: fence 2 on S1',
      'T1: epoch 2',
      'T2, T3',
      'T4, the last chunk',
      'T5',
      'commits since then are lost',
      'A(r0) attaches P0 on S2: refused',
      'A(r0) T0: fence 2 on S2',
      'T1: epoch 3',
      'T2, T3',
      'T4, a chunk',
      'T4, the last chunk',
      'T5',
    ],
    steps: 1,
  },
  {
    off: ['serverAtDetach'],
    scope: 'moved',
    more: { runs: 3, failovers: 1 },
    already: [
      'replication stalls',
      'B(r0) T0: fence 2 on S1',
      'T1: epoch 2',
      'T2, T3',
      'T4, the last chunk',
      'T5',
      'commits since then are lost',
      'A(r0) P1: claims on S2: refused',
      'A(r0) T0: fence 2 on S2',
      'T1: epoch 3',
      'T2, T3',
      'T4, a chunk',
      'T4, the last chunk',
    ],
    steps: 17,
  },
  { off: ['serverAtClaim'], scope: 'failover', steps: 11 },
];

/**
 * Rules without which nothing was found: something else stops what they stop. f stands in an owner and in Kafka's epoch as well, so
 * that what an old f adopts, attaches or claims is neither owned by it nor sent; members that settle or T4 name are facts, whoever
 * brings them, and L moves only from the record before.
 */
export const CONTAINED: readonly Rule[] = [
  'fenceAtAdopt',
  'fenceAtAttach',
  'fenceAtClaim',
  'fenceAtRaise',
  'ownerAtClaim',
  'fromBehind',
  'serverAtTakeOver',
  'serverAtAdopt',
  'serverAtSettle',
  'serverAtPark',
  'serverAtRaise',
];

/** A shortest trace that shows what the missing rules prevent, or null if the exploration ends without. */
export function showMutation({ off, scope, more, already }: Mutation, states = 400_000): Finding | null {
  const small = scopeOf(scope, 'small', off);
  const machine = relayMachine({ ...small, already: already ?? small.already, budget: { ...small.budget, ...more } });
  return exploreMachine(machine, { depth: 1_000, states }).found[0] ?? null;
}

/** One row of the table in docs/model.md: rules off, scope, what breaks, steps. */
export function rowOf({ off, scope }: Mutation, found: Finding): string {
  const cells = [off.map((rule) => `\`${rule}\``).join(', '), scope, found.broken, String(found.trace.length)];
  return `| ${cells.join(' | ')} |`;
}
