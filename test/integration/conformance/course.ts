import { AsyncLocalStorage } from 'node:async_hooks';
import { gateFailpoints } from '../../../src/failpoints/failpoint';

const current = new AsyncLocalStorage<{ at(place: string): Promise<void> | void }>();

/** From now on work that belongs to a course waits at failpoints until the walk lets it go on. */
export function holdCourses(): void {
  gateFailpoints((place) => current.getStore()?.at(place));
}

export type Report<T> =
  | { readonly kind: 'at'; readonly place: string }
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Work of the product that is taken from place to place, so that other things can happen in between, in an order that is chosen:
 *
 *   begun ── next ──→ at a place ── next ──→ … ──→ done or failed
 *
 * One that is never taken on stands for a process that died or was frozen there.
 */
export class Course<T> {
  #goOn: () => void;
  #tell: (report: Report<T>) => void = () => undefined;

  constructor(work: () => Promise<T>, places: readonly string[]) {
    const begin = (): Promise<T> =>
      current.run({ at: (place) => (places.includes(place) ? this.stop(place) : undefined) }, work);
    this.#goOn = () =>
      void begin().then(
        (result) => this.#tell({ kind: 'done', result }),
        (error: unknown) => this.#tell({ kind: 'failed', error }),
      );
  }

  /** Called by the work itself. */
  stop(place: string): Promise<void> {
    return new Promise((resolve) => {
      this.#goOn = resolve;
      this.#tell({ kind: 'at', place });
    });
  }

  next(): Promise<Report<T>> {
    return new Promise((resolve) => {
      this.#tell = resolve;
      this.#goOn();
    });
  }

  /** Takes it on until it is at this place, done or failed. */
  async to(place: string): Promise<Report<T>> {
    for (;;) {
      const report = await this.next();
      if (report.kind !== 'at' || report.place === place) return report;
    }
  }

  async end(): Promise<Exclude<Report<T>, { readonly kind: 'at' }>> {
    for (;;) {
      const report = await this.next();
      if (report.kind !== 'at') return report;
    }
  }
}
