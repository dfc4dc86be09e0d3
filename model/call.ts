import type { DrainEnd } from '../src/domain/drain';

/** How a drain ends; `unreached` is a failure of the destination, `failed` one that counts for no breaker. */
export type Ending = DrainEnd | 'unreached';

/** What the workflow asked of a drain, and what it has done so far: DrainRequest and DrainProgress of the product. */
export interface Call {
  /** Counted from 1. */
  readonly grant: number;
  /** What this attempt may record under it; 0 = only settle what is in doubt. */
  readonly events: number;
  readonly probe: boolean;
  readonly cautious: boolean;
  readonly takesBack: boolean;
  readonly first: boolean;
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
