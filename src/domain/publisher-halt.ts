import type { HaltOrder, HaltOutcome } from './halt';
import type { PublisherState } from './publisher-state';
import { storableText } from './text';

/** `recheck` ends the halt at once and lets the next drain compare; the others are carried out first. */
export function unhalt(state: PublisherState, order: HaltOrder | null): PublisherState {
  if (order !== null && state.halted !== null) return { ...state, halted: { ...state.halted, order } };
  return { ...state, halted: null, drain: { ...state.drain, woken: true, doubt: true, retryAt: null } };
}

/** After an order was carried out, or refused: then the publisher stays halted and says why. */
export function haltOrderEnded(state: PublisherState, order: HaltOrder, outcome: HaltOutcome): PublisherState {
  const said = storableText(`${order.choice} (${order.by}: ${order.why}): ${outcome.explanation}`, 2_000);
  // An operator may have chosen `recheck` meanwhile, or another order: that one stands.
  if (state.halted?.order !== order) return state;
  if (outcome.done) return { ...unhalt(state, null), lastHalt: said };
  const { why, since } = state.halted;
  return { ...state, halted: { why, since, refused: said } };
}
