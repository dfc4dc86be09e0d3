import type { BreakerState } from '../domain/breaker';

/** Collects the breaker's changes of state until the next write to the publisher's row carries them to who counts. */
export class BreakerNotices {
  private pending: BreakerState['state'][] = [];

  constructor(private seen: BreakerState['state']) {}

  look({ state }: BreakerState): void {
    if (state === this.seen) return;
    this.seen = state;
    this.pending.push(state);
  }

  get any(): boolean {
    return this.pending.length > 0;
  }

  take(): readonly BreakerState['state'][] {
    const taken = this.pending;
    this.pending = [];
    return taken;
  }
}
