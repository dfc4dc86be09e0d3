export interface PaceLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What the next transaction may hold; a lone event goes at once, whatever this says. */
export interface BatchBudget {
  readonly events: number;
  readonly bytes: number;
}

export interface BatchTimes {
  readonly events: number;
  readonly bytes: number;
  readonly transactionMs: number;
  readonly settleMs: number;
}

/** Readers of a shared topic wait for open transactions, and others' events for the one that runs. */
export const TARGET_MS = 25;
const LEAST_EVENTS = 50;
const FIRST_EVENTS = 500;
/** What fits into one ledger record. */
const MOST_EVENTS = 6_000;
const LEAST_BYTES = 65_536;
const FIRST_BYTES = 1_048_576;

/** One batch changes the next by no more: a single slow answer must not make the next ten tiny. */
const SLOWER = 0.6;
const FASTER = 1.5;
/** What a new batch counts beside all before it. */
const MEMORY = 0.1;
/** Sizes that differ by less than this, of their mean, say nothing about what one more event costs. */
const SPREAD = 0.1;
/** Most of a batch's time that is believed to be fixed. */
const MOST_FIXED = 2 / 3;

/**
 * How large a transaction may be to take about 25 ms, by the slower of sending and settling, since they run side by side.
 *
 * Time is taken as fixed + events × each, a line through the last batches. Where the fixed part alone takes half of the target or
 * more, smaller batches would become hardly shorter and a backlog slow for nothing: then the events take as long as what is fixed.
 * Only full batches move the size; small ones tell what is fixed.
 */
export class Pace {
  #events: number;
  #bytes: number;
  /** Moving means of events, ms, and of their spreads. */
  #line: {
    readonly events: number;
    readonly ms: number;
    readonly variance: number;
    readonly covariance: number;
  } | null = null;

  constructor(private readonly limits: PaceLimits) {
    this.#events = this.#boundEvents(FIRST_EVENTS);
    this.#bytes = this.#boundBytes(FIRST_BYTES);
  }

  budget(): BatchBudget {
    return { events: Math.round(this.#events), bytes: Math.round(this.#bytes) };
  }

  /** A batch was committed; `settleMs`: of the last settle that is known. */
  took({ events, bytes, transactionMs, settleMs }: BatchTimes): void {
    const ms = Math.max(1, transactionMs, settleMs);
    const fullOfEvents = events * 2 >= this.#events;
    if (bytes * 2 >= this.#bytes && !fullOfEvents) {
      this.#bytes = this.#boundBytes(this.#bytes * within(TARGET_MS / ms));
      return;
    }
    const ideal = this.#fit(events, ms);
    if (fullOfEvents) this.#events = this.#boundEvents(this.#events * within(ideal / this.#events));
    if (fullOfEvents && ms < TARGET_MS && bytes * 2 >= this.#bytes)
      this.#bytes = this.#boundBytes(this.#bytes * FASTER);
  }

  /** Puts the batch into the line; answers how many events take the target. */
  #fit(events: number, slowest: number): number {
    const old = this.#line ?? { events, ms: slowest, variance: 0, covariance: 0 };
    // A pause of seconds is one slow batch, no matter how slow.
    const ms = Math.min(slowest, Math.max(4 * TARGET_MS, 2 * old.ms));
    const off = { events: events - old.events, ms: ms - old.ms };
    const line = {
      events: old.events + MEMORY * off.events,
      ms: old.ms + MEMORY * off.ms,
      variance: (1 - MEMORY) * (old.variance + MEMORY * off.events ** 2),
      covariance: (1 - MEMORY) * (old.covariance + MEMORY * off.events * off.ms),
    };
    this.#line = line;
    const mean = line.ms / line.events;
    const prior = (SPREAD * line.events) ** 2;
    const slope = (line.covariance + prior * mean) / (line.variance + prior);
    const each = Math.min(mean, Math.max((1 - MOST_FIXED) * mean, slope));
    const fixed = line.ms - each * line.events;
    return Math.max(TARGET_MS - fixed, fixed) / each;
  }

  #boundEvents(events: number): number {
    const most = Math.min(MOST_EVENTS, this.limits.maxEvents);
    return Math.min(most, Math.max(LEAST_EVENTS, events));
  }

  #boundBytes(bytes: number): number {
    return Math.min(this.limits.maxBytes, Math.max(LEAST_BYTES, bytes));
  }
}

function within(factor: number): number {
  return Math.min(FASTER, Math.max(SLOWER, factor));
}
