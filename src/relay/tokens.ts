import type { DrainRequest } from '../domain/drain';
import { grantable, refill, spend, waitForTokens } from '../domain/quota';
import type { Grant, QuotaState } from '../domain/quota';

type Granted = NonNullable<DrainRequest['quota']> | null;

/** The tokens of one drain: its bucket, and what of it is claimed and not settled. */
export class Tokens {
  #granted: Granted = null;
  #quota: QuotaState | null = null;
  #taken = { events: 0, bytes: 0 };

  /** A drain begins; what is on its way stays. */
  begin({ quota }: DrainRequest): void {
    this.#granted = quota ?? null;
    this.#quota = this.#granted;
  }

  /** Goes on with the bucket of a relay that gave the publisher up. */
  inherit(before: Tokens): void {
    this.#quota = before.#quota;
  }

  /** The bucket as it goes back to the workflow; null = unlimited. */
  get quota(): QuotaState | null {
    return this.#quota;
  }

  /** Events that are on their way. */
  get taken(): number {
    return this.#taken.events;
  }

  /** What of so many events may be claimed now, beside what is on its way. */
  grant(now: number, wanted: number): Grant {
    if (this.#granted === null || this.#quota === null || wanted === 0) return { events: wanted, bytes: null };
    this.#quota = refill(this.#quota, this.#granted, now);
    const free = spend(this.#quota, this.#granted, this.#taken.events, this.#taken.bytes);
    return grantable(free, this.#granted, wanted);
  }

  /** ms until something is allowed; null = never, 0 = now. */
  waitMs(now: number): number | null {
    if (this.#granted === null || this.#quota === null) return 0;
    this.#quota = refill(this.#quota, this.#granted, now);
    return waitForTokens(spend(this.#quota, this.#granted, this.#taken.events, this.#taken.bytes), this.#granted, 1);
  }

  took(events: number, bytes: number): void {
    this.#taken = { events: this.#taken.events + events, bytes: this.#taken.bytes + bytes };
  }

  gaveBack(events: number, bytes: number): void {
    this.#taken = { events: this.#taken.events - events, bytes: this.#taken.bytes - bytes };
  }

  /** So much of it was committed. */
  paid(events: number, bytes: number): void {
    if (this.#granted !== null && this.#quota !== null) this.#quota = spend(this.#quota, this.#granted, events, bytes);
  }
}
