import type { Lane } from '../event';
import { LEAST_COST, LaneShares } from './lane-shares';
import type { Entry, Purse, Share } from './lane-shares';

export type { Share } from './lane-shares';

/** Of a budget, for replays while live events take all that they can get. */
const REPLAY_PART = 0.1;

/** What an event costs in fair shares, from its bytes with key and headers. */
export function eventCost(bytes: number): number {
  return Math.max(LEAST_COST, bytes);
}

/**
 * Who may put how much into the next transaction: fair shares by weight among the publishers that have work (`LaneShares`), the
 * live lane first, with a tenth of the budget kept for replays.
 *
 *   ready ── take ──→ asked for ── spent ──→ ready          idle: from any of them, until it is ready again
 *
 * A publisher stays ready until it is called idle. Adding, waking, reckoning and each share cost O(log n) of the ready ones.
 */
export class FairShares {
  readonly #weights = new Map<string, number>();
  readonly #live = new LaneShares('live');
  readonly #replay = new LaneShares('replay');
  /** Cost that the replay lane may still take of its part; below 0 = it had more, by one large event. */
  #owed = 0;
  /** Live events wanted what the last replays were handed: those are paid for. */
  #paid = false;

  get anyReady(): boolean {
    return this.#live.ready > 0 || this.#replay.ready > 0;
  }

  /** Idle at first. Again: the new weight counts for what is handed out from now on. */
  add(publisher: string, weight: number): void {
    this.#weights.set(publisher, weight);
    for (const lane of [this.#live, this.#replay]) lane.weigh(publisher, weight);
  }

  remove(publisher: string): void {
    this.#weights.delete(publisher);
    for (const lane of [this.#live, this.#replay]) lane.remove(publisher);
  }

  /**
   * It has work. `waiting`: how many events are known to wait now; many publishers with few events fit into one transaction only
   * where that is told. Infinity = not counted. May be called again at any time. No effect for one that was not added.
   */
  ready(publisher: string, waiting = Infinity, lane: Lane = 'live'): void {
    const weight = this.#weights.get(publisher);
    if (weight !== undefined) this.#of(lane).setReady(publisher, weight, waiting);
  }

  idle(publisher: string, lane: Lane = 'live'): void {
    this.#of(lane).setIdle(publisher);
  }

  /**
   * Whom to ask for what, live first. The shares' sums stay within the budget, except for the first event of each lane, which may
   * be larger than what is left.
   */
  take(budgetCost: number, budgetEvents: number): Share[] {
    const shares = new Map<Entry, Share>();
    const kept = this.#keep(budgetCost, budgetEvents);
    const purse: Purse = { cost: budgetCost - kept.cost, events: budgetEvents - kept.events };
    const liveWants = this.#live.hand(purse, shares, true);
    purse.cost += kept.cost;
    purse.events += kept.events;
    const left = purse.cost;
    this.#replay.hand(purse, shares, kept.events > 0 || shares.size === 0);
    // What the live lane did not want costs the replay lane nothing.
    this.#paid = liveWants && kept.events > 0;
    if (this.#paid) this.#owed -= left - purse.cost;
    if (liveWants) this.#live.hand(purse, shares, false);
    return [...shares.values()];
  }

  /** A claim has ended with so much of what was asked for: the rest is credit, what is beyond it a debt. 0, 0 = nothing came of it. */
  spent(publisher: string, cost: number, events: number, lane: Lane = 'live'): void {
    const beyond = this.#of(lane).spent(publisher, cost, events);
    if (lane === 'replay' && this.#paid) this.#owed -= beyond;
  }

  /** Nothing while it is still paying for a large event, nor while there are no live events: then it may have all. */
  #keep(budgetCost: number, budgetEvents: number): Purse {
    const nothing = { cost: 0, events: 0 };
    if (this.#replay.ready === 0 || this.#live.ready === 0) {
      this.#owed = 0;
      return nothing;
    }
    const part = budgetCost * REPLAY_PART;
    this.#owed = Math.min(this.#owed + part, part);
    if (this.#owed <= 0) return nothing;
    return { cost: Math.floor(this.#owed), events: Math.ceil((budgetEvents * this.#owed) / budgetCost) };
  }

  #of(lane: Lane): LaneShares {
    return lane === 'live' ? this.#live : this.#replay;
  }
}
