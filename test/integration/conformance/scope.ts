import { NOTHING } from '../../../model/relay/budget';
import { rulesWithout } from '../../../model/relay/rules';
import type { Rule } from '../../../model/relay/rules';
import type { Scope } from '../../../model/relay/scope';

/**
 * The model's world as far as real servers can be made to follow it one step after the other: no late requests, no markers that hang, no
 * lossy fail-over. Two relays, two processes for each, two publishers.
 */
export function conformanceScope(...off: readonly Rule[]): Scope {
  return {
    name: 'conformance',
    events: [
      { publisher: 0, key: 'k', after: null, stored: false },
      { publisher: 0, key: 'k', after: 1, stored: false },
      { publisher: 1, key: 'l', after: null, stored: false },
      { publisher: 0, key: null, after: null, stored: false },
      { publisher: 1, key: 'l', after: 3, stored: false },
      { publisher: 0, key: 'k', after: 2, stored: false },
      { publisher: 1, key: null, after: null, stored: false },
      { publisher: 0, key: null, after: null, stored: false },
      { publisher: 0, key: 'k', after: 6, stored: false },
      { publisher: 1, key: 'l', after: 5, stored: false },
    ],
    publishers: 2,
    holders: [0, 0, 1, 1],
    open: [],
    already: [],
    relays: 2,
    batch: 2,
    granted: null,
    budget: { ...NOTHING, runs: 30, kills: 6, refusals: 3, moves: 5, restarts: 1, locks: 3, orders: 6, operators: 4 },
    rules: rulesWithout(...off),
  };
}
