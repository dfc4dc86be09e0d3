import type { PublisherRef } from './publisher';
import type { PublisherState } from './publisher-state';

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

/** `recheck` ends the halt at once and lets the next drain compare; the others are carried out first. */
export function unhalt(state: PublisherState, order: HaltOrder | null): PublisherState {
  if (order !== null && state.halted !== null) return { ...state, halted: { ...state.halted, order } };
  return { ...state, halted: null, drain: { ...state.drain, woken: true, doubt: true, retryAt: null } };
}

/** After an order was carried out, or refused: then the publisher stays halted and says why. */
export function haltOrderEnded(state: PublisherState, order: HaltOrder, outcome: HaltOutcome): PublisherState {
  const said = `${order.choice} (${order.by}: ${order.why}): ${outcome.explanation}`.slice(0, 2_000);
  // An operator may have chosen `recheck` meanwhile, or another order: that one stands.
  if (state.halted?.order !== order) return state;
  if (outcome.done) return { ...unhalt(state, null), lastHalt: said };
  const { why, since } = state.halted;
  return { ...state, halted: { why, since, refused: said } };
}
