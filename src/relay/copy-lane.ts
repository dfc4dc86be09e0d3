import { compareIds } from './id-queue';

/**
 * What a publisher's attachment knows of its copies of replays:
 *
 *   empty ── a look found some ──→ waiting ── a claim found no more ──→ empty
 *
 * New copies of one publisher become visible in the order of their ids, behind the cursor. Those that come back below it (claimed and not
 * sent, paused and resumed) take it back with them. A look that finds some while a claim runs keeps the lane waiting.
 */
export class CopyLane {
  /** A look has been into the lane since the attachment. */
  known = false;
  #waiting = false;
  #resting = false;
  #cursor = '0';
  /** Lowest copy that was found since the last claim began: the claim may have begun before it could be seen. */
  #lowest: string | null = null;

  get waiting(): boolean {
    return this.#waiting && !this.#resting;
  }

  /** A topic of them takes nothing for now: none is claimed until one of the publisher's topics is well again. */
  rest(): void {
    this.#resting = true;
  }

  wake(): void {
    this.#resting = false;
  }

  /** Id of the last copy that a claim has read. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Copies are sendable, the one with this id first. */
  found(lowest: string): void {
    this.#waiting = true;
    if (this.#lowest === null || compareIds(lowest, this.#lowest) < 0) this.#lowest = lowest;
    if (compareIds(lowest, this.#cursor) <= 0) this.#cursor = before(lowest);
  }

  claimBegins(): void {
    this.#lowest = null;
  }

  /** A claim that began behind the cursor read up to `last` (null = nothing). */
  claimed(last: string | null, exhausted: boolean): void {
    const lowest = this.#lowest;
    if (last !== null) this.#cursor = lowest !== null && compareIds(lowest, last) <= 0 ? before(lowest) : last;
    if (exhausted && lowest === null) this.#waiting = false;
  }
}

function before(id: string): string {
  return String(BigInt(id) - 1n);
}
