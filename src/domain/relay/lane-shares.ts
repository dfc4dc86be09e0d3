import type { Lane } from '../event';
import { Heap } from './heap';

/** What to ask the database for of one publisher. Its first event may be larger than `cost`: it goes alone then. */
export interface Share {
  readonly publisher: string;
  readonly lane: Lane;
  /** Most cost of its events, see `eventCost`. */
  readonly cost: number;
  readonly events: number;
}

/** What is left to hand out; both are moved by `hand`. */
export interface Purse {
  cost: number;
  events: number;
}

/** Small events cost their work, not their size. */
export const LEAST_COST = 512;
/** What is handed out at once, cost. Less makes more turns for the same events, more lets each turn wait longer. */
export const QUANTUM = 16_384;
/** Until the first of a publisher's events were seen. */
const FIRST_MEAN = 1_024;
/** Events vary: a share that holds just their mean would often come one event short. */
const SLACK = 1.25;

export interface Entry {
  place: number;
  readonly publisher: string;
  weight: number;
  /** Cost per weight that it has had; the lowest is next. */
  tag: number;
  /** Order among equal tags. */
  turn: number;
  /** Handed out and not reckoned yet: its cost, and what it added to the tag. */
  asked: number;
  charged: number;
  /** Events known to wait; Infinity = not counted. */
  waiting: number;
  /** Mean cost of its last events. */
  mean: number;
}

/**
 * Fair shares of one lane. Deficit round robin in the form of tags: each publisher carries what it has had per weight, and the
 * one that had least is next. What it was handed is charged at once and reckoned when its claim has ended: what it left over is
 * its credit, what a large event took beyond is a debt that others overtake. Idle time earns nothing: who comes back begins at
 * the others' tag. Every step is O(log n) of the ready ones, and only those that get a share are touched.
 */
export class LaneShares {
  readonly #entries = new Map<string, Entry>();
  readonly #ready = new Heap<Entry>((a, b) => (a.tag === b.tag ? a.turn < b.turn : a.tag < b.tag));
  /** Where the last share that was used began: who becomes ready begins here. */
  #now = 0;
  #turns = 0;

  constructor(private readonly lane: Lane) {}

  get ready(): number {
    return this.#ready.size;
  }

  setReady(publisher: string, weight: number, waiting: number): void {
    let entry = this.#entries.get(publisher);
    if (entry === undefined) {
      entry = { place: -1, publisher, weight, tag: 0, turn: 0, asked: 0, charged: 0, waiting, mean: FIRST_MEAN };
      this.#entries.set(publisher, entry);
    }
    entry.waiting = Math.max(1, waiting);
    if (entry.place >= 0) return;
    entry.tag = Math.max(entry.tag, this.#now);
    this.#push(entry);
  }

  setIdle(publisher: string): void {
    const entry = this.#entries.get(publisher);
    if (entry !== undefined) this.#ready.remove(entry);
  }

  weigh(publisher: string, weight: number): void {
    const entry = this.#entries.get(publisher);
    if (entry !== undefined) entry.weight = weight;
  }

  remove(publisher: string): void {
    this.setIdle(publisher);
    this.#entries.delete(publisher);
  }

  /**
   * Hands out of the purse, in turns. True: somebody could take more. `atLeastOne`: the first event may cost more than the purse
   * has, so that none is too large to ever go.
   */
  hand(purse: Purse, shares: Map<Entry, Share>, atLeastOne: boolean): boolean {
    const full: Entry[] = [];
    const before = purse.cost;
    let entry: Entry | undefined;
    while ((entry = this.#ready.peek()) !== undefined) {
      const had = shares.get(entry);
      const perEvent = Math.ceil(entry.mean * SLACK);
      const turn = Math.min(entry.waiting - (had?.events ?? 0), Math.max(1, Math.floor(QUANTUM / perEvent)));
      const fitting = Math.max(0, Math.min(turn, purse.events, Math.floor(purse.cost / perEvent)));
      const events = fitting < 1 && atLeastOne && purse.cost === before ? Math.min(turn, purse.events, 1) : fitting;
      if (events < 1 && turn > 0) break;
      this.#ready.remove(entry);
      if (had === undefined) this.#begin(entry);
      const cost = events * perEvent;
      entry.asked += cost;
      entry.charged += cost / entry.weight;
      entry.tag += cost / entry.weight;
      purse.cost -= cost;
      purse.events -= events;
      const sum = { cost: (had?.cost ?? 0) + cost, events: (had?.events ?? 0) + events };
      shares.set(entry, { publisher: entry.publisher, lane: this.lane, ...sum });
      if (sum.events < entry.waiting) this.#push(entry);
      else full.push(entry);
    }
    for (const one of full) this.#push(one);
    return entry !== undefined;
  }

  /** What came of a share; 0 and 0 = nothing. Answers the cost beyond what was handed out. */
  spent(publisher: string, cost: number, events: number): number {
    const entry = this.#entries.get(publisher);
    if (entry === undefined) return 0;
    const beyond = cost - entry.asked;
    const inside = entry.place >= 0;
    this.#ready.remove(entry);
    const began = entry.tag - entry.charged;
    this.#now = Math.max(this.#now, began + Math.max(0, Math.min(cost, entry.asked) - QUANTUM) / entry.weight);
    entry.tag = began + cost / entry.weight;
    entry.asked = entry.charged = 0;
    entry.waiting = Math.max(1, entry.waiting - events);
    if (events > 0) entry.mean = (entry.mean + Math.max(LEAST_COST, cost / events)) / 2;
    if (inside) this.#push(entry);
    return beyond;
  }

  /** A share that was never reckoned was not used. */
  #begin(entry: Entry): void {
    entry.tag -= entry.charged;
    entry.asked = entry.charged = 0;
  }

  #push(entry: Entry): void {
    this.#turns += 1;
    entry.turn = this.#turns;
    this.#ready.push(entry);
  }
}
