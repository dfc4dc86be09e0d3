import type { Decision } from './publisher-decision';
import type { PublisherState } from './publisher-state';

/**
 * What an operator filters publishers by in the Web UI. Three of each kind is what Temporal's SQL visibility still has room for
 * beside other applications' attributes: it holds 3 of type Bool and 10 of type Keyword per namespace.
 */
export const SEARCH_ATTRIBUTES = {
  Tenant: 'KEYWORD',
  Destination: 'KEYWORD',
  BreakerState: 'KEYWORD',
  Paused: 'BOOL',
  BacklogClass: 'KEYWORD',
} as const;

export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
export const SEARCH_ATTRIBUTE_NAMES = Object.keys(SEARCH_ATTRIBUTES) as SearchAttributeName[];

/**
 * none      asleep, or at work since it was asleep, on what one drain can send
 * draining  the backlog outlasted a drain: more than it could send in its time or grant
 * waiting   something is or may be pending that must not go now: throttled, paused or open
 */
export type BacklogClass = 'none' | 'draining' | 'waiting';

export type SearchAttributeValues = Readonly<Record<SearchAttributeName, string | boolean>>;

/** `outlasted`: the last drain ended before its backlog did. `shown`: the class that is shown now. */
export function searchAttributesOf(
  state: PublisherState,
  decision: Decision,
  outlasted: boolean,
  shown: BacklogClass = 'none',
): SearchAttributeValues {
  return {
    Tenant: state.tenant,
    Destination: state.destination,
    BreakerState: state.breaker.state,
    Paused: state.paused !== null,
    BacklogClass: backlogClass(state, decision, outlasted, shown),
  };
}

function backlogClass(
  state: PublisherState,
  decision: Decision,
  outlasted: boolean,
  shown: BacklogClass,
): BacklogClass {
  // A drain that starts says nothing of the backlog: what a probe finds is known only after it.
  if (decision.kind === 'drain') return outlasted ? 'draining' : shown;
  if (decision.why === 'sleeping') return 'none';
  return state.drain.woken ? 'waiting' : 'none';
}

/** A class that changes with every drain would cost a history event and a visibility write each. */
const CLASS_REST_MS = 30_000;

/**
 * What to upsert: the usable attributes whose value changed, or nothing. A change of the backlog's class alone waits until the
 * last one is 30 s old, so that it costs at most two events in that time. It does not wait when nothing else would bring it
 * up to date: when the backlog is gone, or the publisher is about to wait for long.
 */
export function changedAttributes(
  usable: readonly SearchAttributeName[],
  shown: (name: SearchAttributeName) => unknown,
  wanted: SearchAttributeValues,
  clock: { readonly now: number; readonly classChangedAt: number; readonly until: number | null },
): SearchAttributeName[] {
  const changed = usable.filter((name) => shown(name) !== wanted[name]);
  if (changed.length !== 1 || changed[0] !== 'BacklogClass' || wanted.BacklogClass === 'none') return changed;
  const rested = clock.now - clock.classChangedAt >= CLASS_REST_MS;
  const long = wanted.BacklogClass === 'waiting' && (clock.until === null || clock.until - clock.now >= CLASS_REST_MS);
  return rested || long ? changed : [];
}
