import type { DrainEnd } from '../../domain/drain';
import { OutboxError, isOutboxError } from '../../domain/errors';
import { mostCopies } from '../../domain/replay';
import type { Claim } from '../../postgres/claims';
import type { OutgoingBatch } from '../../sinks/sink';
import { BatchSender } from './batch-sender';
import { BlockedTopics } from './blocked-topics';
import type { DrainDeps } from './context';
import type { Hold } from './hold';
import type { DrainProgress } from './progress';
import type { SettleQueue } from './settle-queue';
import { goToSleep, waitForMore } from './sleep';
import { park, screen, sizeOfAll } from './screen';
import { isOvertaken, selectMembers } from './select';
import type { MemberOptions } from './select';
import { WaitingEvents } from './waiting-events';

/**
 * From this size on a batch takes long enough for the next selection to be read beside it. Below it the next one is read when it
 * is over: what comes meanwhile goes with it and not with the one after. At 200 events/s an event waited 20 ms until it was
 * recorded with the selection always ahead, about 10 ms so.
 */
const AHEAD = { events: 100, bytes: 256 * 1024 };

interface Selection extends Claim {
  /** Selected while the batch before was being sent: an empty one says little about now. */
  readonly ahead: boolean;
}

/** D3–D5: claim, record, send, settle, until the grant or the time is used or nothing is pending. */
export class PublishLoop {
  private readonly sender: BatchSender;
  private readonly settles: SettleQueue;
  private readonly waiting: WaitingEvents;
  private readonly topics: BlockedTopics;
  private paused = false;
  /** The last selection was small, and so the next one probably is. */
  private few = false;

  constructor(
    private readonly deps: DrainDeps,
    private readonly hold: Hold,
    private readonly progress: DrainProgress,
  ) {
    this.waiting = new WaitingEvents(deps, hold, progress.onPoison);
    this.topics = new BlockedTopics(deps, hold, progress);
    this.sender = new BatchSender(deps, hold, progress, this.topics);
    this.settles = this.sender.settles;
  }

  async run(): Promise<DrainEnd> {
    // After a doubt the same loop runs again, and a pause may be over by then.
    this.paused = false;
    let selection = await this.claim(false);
    for (;;) {
      await this.topics.save();
      const end = this.progress.mustEnd();
      if (end !== null) {
        await this.settles.finish();
        if (end === 'time') this.progress.turns.cut();
        return end;
      }
      if (this.deps.linger.awaited && this.progress.turns.isOver) {
        await this.settles.finish();
        await this.progress.turns.giveWay();
        // A turn later the selection is old: an empty one would send this drain to linger, and to wait for another turn.
        selection = await this.claim(false);
        continue;
      }
      const overtaken = selection.ahead && (await isOvertaken(this.deps, this.hold, selection, this.claimOptions()));
      if (overtaken) selection = await this.claim(false);
      if (await this.waiting.bringBack(selection)) selection = await this.claim(false);
      const admitted = await this.admit(selection);
      if (admitted.events.length > 0) {
        const ahead = await this.publishSelected(admitted);
        if (this.paused) return this.sleepPaused();
        selection = ahead ?? (await this.claim(false));
        continue;
      }
      await this.settles.finish();
      const met = selection.events.length > 0 || selection.heldIds.length > 0;
      if (met || selection.ahead || this.waiting.mayComeBack(selection)) {
        selection = await this.claim(false);
        continue;
      }
      if (this.progress.blocked.size > 0) return 'failed';
      const over = await waitForMore(this.deps, this.hold, this.progress, selection.revision);
      if (over !== null) return over;
      selection = await this.claim(false);
    }
  }

  /** Sends a batch that is recorded already. Any rejection leaves the session in doubt. */
  publish(batch: OutgoingBatch): Promise<void> {
    return this.sender.publish(batch);
  }

  /** Waits for the settle in flight, whatever became of it: before a take-over the old writes must be over. */
  async quiesce(): Promise<void> {
    await this.settles.abandon();
  }

  /**
   * Ends a drain that was paused: nothing of it is in doubt. The row says `sleeping`, so that the sweep wakes the publisher when
   * a pause of all is over; one that is paused by itself overwrites this with its own wait. Never `held`: this drain has not
   * looked whether a key was released meanwhile, and the sweep passes held publishers over.
   */
  async sleepPaused(): Promise<DrainEnd> {
    await this.settles.finish();
    if (this.hold.clean !== null) await goToSleep(this.deps, this.hold, this.hold.clean.fence, 'sleeping');
    return 'paused';
  }

  private async claim(ahead: boolean): Promise<Selection> {
    const few = this.few && !ahead;
    const claim = await selectMembers(this.deps, this.hold, { ...this.claimOptions(), few });
    this.few =
      claim.events.length < AHEAD.events && claim.heldIds.length === 0 && sizeOfAll(claim.events) < AHEAD.bytes;
    return { ...claim, ahead };
  }

  private claimOptions(): MemberOptions {
    const { progress } = this;
    if (this.hold.clean === null)
      throw new OutboxError('INTERNAL', 'claiming without a clean session; report this as a defect');
    const { events: most, bytes } = progress.batchLimit;
    return {
      limit: Math.max(1, Math.min(progress.account.remaining, most)),
      mostCopies: mostCopies(progress.pace.msPerEvent),
      maxBytes: bytes,
      excludeTopics: [...progress.blocked.keys()],
      onPoison: progress.onPoison,
      window: this.waiting.window,
      fence: this.hold.clean.fence,
    };
  }

  /** What of a selection may be sent now: of the grant, without parked events, what waits behind them, and blocked topics. */
  private async admit(selection: Selection): Promise<Selection> {
    if (!(await this.waiting.setAside(selection))) return { ...selection, events: [] };
    const granted = selection.events.slice(0, this.progress.account.remaining);
    if (granted.length === 0) return { ...selection, events: [] };
    const { sendable, parked, blocked } = await screen(
      this.hold,
      granted,
      this.progress.onPoison,
      null,
      this.progress.refused,
    );
    this.progress.block(blocked);
    if (parked.length === 0) return { ...selection, events: sendable };
    try {
      const revision = await park(this.deps, this.hold, selection.revision, parked);
      this.progress.parked += parked.length;
      return { ...selection, revision, events: sendable };
    } catch (error) {
      if (isOutboxError(error) && error.code === 'REVISION_CHANGED') return { ...selection, events: [] };
      throw error;
    }
  }

  /**
   * Records, then sends. Beside a large batch the next selection is already being read, but not while others are slowed down: a
   * drain that works in three processes at once takes every core of a small machine, one that does one thing at a time takes one. Null = claim (again).
   */
  private async publishSelected(selection: Selection): Promise<Selection | null> {
    const { events } = selection;
    let batch: OutgoingBatch;
    try {
      batch = await this.sender.record(selection);
    } catch (error) {
      // An operator changed pending events since they were selected: nothing was recorded, look again.
      if (isOutboxError(error) && error.code === 'REVISION_CHANGED') return null;
      if (!isOutboxError(error) || error.code !== 'PAUSED') throw error;
      this.paused = true;
      return null;
    }
    const isLarge = events.length >= AHEAD.events || sizeOfAll(events) >= AHEAD.bytes;
    const gentle = isLarge && this.deps.linger.slowed;
    const ahead = isLarge && !gentle && this.progress.mustEnd() === null ? this.claim(true) : Promise.resolve(null);
    ahead.catch(() => undefined);
    const started = performance.now();
    await this.sender.publish(batch);
    this.progress.batches += 1;
    if (isLarge && this.progress.mustEnd() === null) {
      // Nothing is recorded while it rests, so the settle holds up nobody.
      this.settles.start();
      if (gentle) await this.settles.finish();
      await this.deps.linger.rest(performance.now() - started);
    }
    return ahead;
  }
}
