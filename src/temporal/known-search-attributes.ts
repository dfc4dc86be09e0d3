import type { SearchAttributeName } from '../domain/search-attributes';
import type { SearchAttributeReport } from './search-attributes';

/** Publishers start in thousands after an outage: they share one look for this long, ms. */
const FRESH_MS = 5_000;

/**
 * The search attributes that publishers may set, looked up again while publishers start. Not once per worker: a Temporal that came
 * back empty knows none of them, and every publisher that sets one there fails its workflow task for ever. Found by wiping it: nothing
 * was published until the worker was started again.
 */
export class KnownSearchAttributes {
  private names: readonly SearchAttributeName[] = [];
  private at = -Infinity;
  private looking: Promise<void> | null = null;

  constructor(
    /** With `register` it registers what is missing. */
    private readonly look: (register: boolean) => Promise<SearchAttributeReport>,
    /** Told when a look finds something else than the one before. */
    private readonly changed: (report: SearchAttributeReport) => void,
  ) {}

  /** Those that were registered at most a few seconds ago; as before while Temporal does not answer. Never rejects. */
  async usable(): Promise<readonly SearchAttributeName[]> {
    if (Date.now() - this.at >= FRESH_MS) {
      this.looking ??= this.lookAgain().finally(() => (this.looking = null));
      await this.looking;
    }
    return this.names;
  }

  private async lookAgain(): Promise<void> {
    // Registering is the migration's decision. Where they were once, an empty server is to get them back.
    const report = await this.look(this.names.length > 0);
    const first = this.at === -Infinity;
    this.at = Date.now();
    // No answer says nothing about the attributes, and to forget them would leave the filters wrong until the next start.
    if (!report.answered && !first) return;
    const same = report.added.length === 0 && report.usable.join() === this.names.join();
    this.names = report.usable;
    if (first || !same) this.changed(report);
  }
}
