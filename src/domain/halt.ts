import type { PublisherRef } from './publisher';

/**
 * How an operator ends a halt. Nothing is ever chosen for them.
 *
 * recheck  the cause is mended (the right database is back): compare row and ledger again
 * adopt    Kafka tells the truth: what its topics hold counts as published, the row follows the ledger
 * resend   Postgres tells the truth: the ledger is set to the row, what is not settled is sent again, possibly twice
 */
export type HaltChoice = 'recheck' | 'adopt' | 'resend';

export const HALT_CHOICES: readonly HaltChoice[] = ['recheck', 'adopt', 'resend'];

/** A choice that is carried out by an activity, under the fence. */
export interface HaltOrder {
  readonly choice: Exclude<HaltChoice, 'recheck'>;
  readonly by: string;
  readonly why: string;
}

export interface HaltRequest extends HaltOrder {
  readonly publisher: PublisherRef;
}

/** What came of it: both sides agree now, or why not, with the remedy. */
export interface HaltOutcome {
  readonly done: boolean;
  readonly explanation: string;
}
