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
  #cursor = '0';
  /** Since the last claim began. */
  #found = false;
  #lowered = false;

  get waiting(): boolean {
    return this.#waiting;
  }

  /** Id of the last copy that a claim has read. */
  get cursor(): string {
    return this.#cursor;
  }

  /** Copies are sendable, the one with this id first. */
  found(lowest: string): void {
    this.#waiting = true;
    this.#found = true;
    if (compareIds(lowest, this.#cursor) > 0) return;
    this.#cursor = String(BigInt(lowest) - 1n);
    this.#lowered = true;
  }

  claimBegins(): void {
    this.#found = false;
    this.#lowered = false;
  }

  /** A claim that began behind the cursor read up to `last` (null = nothing). */
  claimed(last: string | null, exhausted: boolean): void {
    if (last !== null && !this.#lowered) this.#cursor = last;
    if (exhausted && !this.#found) this.#waiting = false;
  }
}
