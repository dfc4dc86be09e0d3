import { OutboxError } from '../../domain/errors';
import type { OnPoison } from '../../domain/hold-key';
import { bringBack, setAside } from '../../postgres/aside';
import type { Claim } from '../../postgres/claims';
import type { DrainDeps } from './context';
import type { Hold } from './hold';

/**
 * How many events a claim looks at while it meets waiting ones: with a grant of one event it would otherwise set a long queue
 * aside one by one. More would only make the first claim after a parking slower.
 */
const WINDOW = 2_000;

/**
 * The events of one drain that wait behind parked ones: claims that meet them set them aside, so that each is walked over once,
 * and what an operator released comes back in pieces, between the batches of other keys.
 */
export class WaitingEvents {
  /** Nothing that is aside can go under this revision of the row. */
  private settledAt: number | null = null;
  private met = false;

  constructor(
    private readonly deps: DrainDeps,
    private readonly hold: Hold,
    private readonly onPoison: OnPoison,
  ) {}

  /** How many pending events the next claim should look at. */
  get window(): number {
    return this.met ? WINDOW : 0;
  }

  /** True while some of what is aside may be free: not a moment to fall asleep. */
  mayComeBack({ aside, revision }: Claim): boolean {
    return aside && this.settledAt !== revision;
  }

  /** True if events came back, or could not because the selection is outdated: claim again. */
  async bringBack(claim: Claim): Promise<boolean> {
    if (!this.mayComeBack(claim)) return false;
    const { revision } = claim;
    const done = await bringBack(this.deps.pool, { ...this.right(), revision }, this.onPoison);
    if (done?.all === true) this.settledAt = revision;
    return done === null || done.moved > 0;
  }

  /** False if the selection is outdated: claim again. */
  async setAside({ heldIds, revision }: Claim): Promise<boolean> {
    this.met = heldIds.length > 0;
    if (!this.met) return true;
    return setAside(this.deps.pool, { ...this.right(), revision }, heldIds);
  }

  private right(): { ref: Hold['ref']; fence: string } {
    const { ref, clean } = this.hold;
    if (clean === null) throw new OutboxError('INTERNAL', 'no clean session to write under; report this as a defect');
    return { ref, fence: clean.fence };
  }
}
