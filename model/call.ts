import type { DrainEnd } from '../src/domain/drain';

/** How a drain ends; `unreached` is a failure of the destination, `failed` one that counts for no breaker. */
export type Ending = DrainEnd | 'unreached';

/** What the workflow asks of a drain: DrainRequest of the product. */
export interface Asked {
  /** Counted from 1. */
  readonly grant: number;
  /** What this attempt may record under it; 0 = only settle what is in doubt. */
  readonly events: number;
  readonly probe: boolean;
  readonly cautious: boolean;
  readonly takesBack: boolean;
  /** False from the second attempt on: what is in the grant already is asked of Postgres. */
  readonly first: boolean;
}

/** That, and what an attempt has done so far: DrainProgress of the product. */
export interface Call extends Asked {
  /** Temporal gave this attempt up while it lives: another has its grant, and nobody waits for its outcome. */
  readonly givenUp: boolean;
  /** Recorded under the grant by earlier attempts, as far as Postgres said. */
  readonly before: number;
  readonly recorded: number;
  /** Recorded anew or taken back: paid once, claimed and paid again. */
  readonly refunded: number;
  /** Those of them that other grants had recorded. */
  readonly ofOthers: number;
  readonly published: number;
  readonly sent: boolean;
}

export function remaining({ events, before, recorded }: Call): number {
  return Math.max(0, events - before - recorded);
}
