import type { DrainRequest } from '../../domain/drain';

export interface Recorded {
  readonly events: number;
  readonly bytes: number;
}

const NOTHING: Recorded = { events: 0, bytes: 0 };

/** What one drain recorded under its grant, which its quota pays. */
export class GrantAccount {
  private recorded = NOTHING;
  /** Recorded by this or an earlier grant and cut off again: paid once, claimed and paid again later. */
  private refunded = NOTHING;
  /** The part of it that other grants had recorded. */
  private refundedOfOthers = NOTHING;
  /** Recorded under this grant by earlier attempts, whose results were lost. */
  private before: Recorded | null = null;

  constructor(private readonly granted: Pick<DrainRequest, 'grantId' | 'events' | 'bytes'>) {}

  get grantId(): string {
    return this.granted.grantId;
  }

  /** What earlier attempts of this grant had recorded when the take-over fenced them. */
  recordedBefore({ events, bytes }: Recorded): void {
    this.before = { events, bytes };
  }

  /** Before the write: one whose answer is lost counts, for it may be there. */
  records(batch: Recorded): void {
    this.recorded = sum(this.recorded, batch);
  }

  /** The write was refused, so nothing is there. */
  recordedNothing(batch: Recorded): void {
    this.recorded = sum(this.recorded, batch, -1);
  }

  /** A stored batch was recorded anew with what is kept of it. */
  recordedAnew(stored: Recorded & { readonly grantId: string }, kept: Recorded): void {
    this.recorded = sum(this.recorded, kept);
    this.refunded = sum(this.refunded, stored);
    if (stored.grantId !== this.grantId) this.refundedOfOthers = sum(this.refundedOfOthers, stored);
  }

  /** Whether this attempt has recorded anything. */
  get hasRecorded(): boolean {
    return this.recorded.events > 0;
  }

  /** Events that the grant still allows. */
  get remaining(): number {
    return Math.max(0, this.granted.events - (this.before?.events ?? 0) - this.recorded.events);
  }

  /** Bytes that the grant still allows; a first event may exceed them, as a full bucket must move it. */
  get remainingBytes(): number {
    const { bytes } = this.granted;
    return bytes == null ? Infinity : Math.max(0, bytes - (this.before?.bytes ?? 0) - this.recorded.bytes);
  }

  /** What this grant recorded in all, without what was cut off again. */
  get total(): Recorded {
    return sum(sum(this.before ?? NOTHING, this.recorded), this.refunded, -1);
  }

  /**
   * For an attempt after the first that could never ask what those before it recorded: all that the grant allows, which is too much at
   * worst. Nothing would leave it to nobody to pay.
   */
  get mostTotal(): Recorded {
    const { events, bytes } = this.total;
    if (this.before !== null) return { events, bytes };
    return { events: Math.max(events, this.granted.events), bytes: Math.max(bytes, this.granted.bytes ?? 0) };
  }

  /** The same by what Postgres has under this grant, for a drain that cannot know what became of its writes. */
  totalOf(stored: Recorded): Recorded {
    return sum(stored, this.refundedOfOthers, -1);
  }
}

function sum(a: Recorded, b: Recorded, sign: 1 | -1 = 1): Recorded {
  return { events: a.events + sign * b.events, bytes: a.bytes + sign * b.bytes };
}
