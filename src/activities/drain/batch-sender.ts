import { randomUUID } from 'node:crypto';
import { OutboxError, isOutboxError } from '../../domain/errors';
import { failpoint } from '../../failpoints/failpoint';
import { recordBatch } from '../../postgres/batches';
import type { NewBatch } from '../../postgres/batches';
import type { Claim } from '../../postgres/claims';
import { copyIdsOf } from '../../postgres/replay-claims';
import { settleBatch } from '../../postgres/settle';
import type { OutgoingBatch } from '../../sinks/sink';
import type { BlockedTopics } from './blocked-topics';
import type { DrainDeps } from './context';
import type { Recorded } from './grant-account';
import type { Hold } from './hold';
import { observePublished, placed } from './placed';
import type { DrainProgress } from './progress';
import { sizeOfAll } from './screen';
import { SettleQueue } from './settle-queue';

/** How a record is refused that has written nothing. */
const REFUSED: ReadonlySet<string> = new Set(['PAUSED', 'REVISION_CHANGED', 'FENCED']);

/**
 * D3 record, D4 send, D5 settle, of one batch after the other.
 *
 * The settle of a batch starts when the next batch is recorded and overlaps its send: started earlier, it would hold the
 * publisher's row (60 ms for 6,000 events) while the record waits for it and nothing is sent. It must end before the next
 * commit: so at most one committed batch is ever unsettled, and the ledger's metadata can always say where its events went.
 */
export class BatchSender {
  readonly settles = new SettleQueue();

  constructor(
    private readonly deps: DrainDeps,
    private readonly hold: Hold,
    private readonly progress: DrainProgress,
    private readonly topics: BlockedTopics,
  ) {}

  /**
   * Records the selected events as the next batch, and lets the settle of the one before start. Rejects with REVISION_CHANGED or PAUSED when
   * nothing was recorded.
   */
  async record({ events, revision }: Claim): Promise<OutgoingBatch> {
    const clean = this.hold.clean;
    if (clean === null) throw new OutboxError('INTERNAL', 'recording without a clean session; report this as a defect');
    const batch: OutgoingBatch = { batchId: randomUUID(), seq: clean.recorded + 1, events };
    const size = { events: events.length, bytes: sizeOfAll(events) };
    await failpoint('before_record');
    await this.counted(size, {
      ref: this.hold.ref,
      fence: clean.fence,
      seq: batch.seq,
      revision,
      batchId: batch.batchId,
      grantId: this.progress.account.grantId,
      eventIds: events.map((event) => event.id),
      copyIds: copyIdsOf(events),
      bytes: size.bytes,
    });
    await failpoint('after_record');
    this.hold.clean = { ...clean, recorded: batch.seq };
    this.settles.start();
    return batch;
  }

  private async counted(size: Recorded, batch: NewBatch): Promise<void> {
    const { account } = this.progress;
    account.records(size);
    try {
      await recordBatch(this.deps.pool, batch);
    } catch (error) {
      if (isOutboxError(error) && REFUSED.has(error.code)) account.recordedNothing(size);
      throw error;
    }
  }

  /** Sends one recorded batch; its settle is the next to start. Any rejection leaves the session in doubt. */
  async publish(batch: OutgoingBatch): Promise<void> {
    const { clean, believed } = this.hold;
    if (clean === null)
      throw new OutboxError('INTERNAL', 'publishing without a clean session; report this as a defect');
    const started = Date.now();
    const placements = await this.hold.session.publish(batch, {
      deadlineMs: this.deps.publishDeadlineMs,
      beforeCommit: () => this.settles.finish(),
      plainKey: this.hold.plainKey ?? [],
      ...(believed !== undefined && { believed }),
    });
    delete this.hold.believed;
    this.progress.pace.sent(batch.events.length, Date.now() - started);
    this.topics.sent(batch.events);
    await failpoint('after_kafka_commit');
    this.settles.add(() => this.settle(batch, clean.fence, placements));
  }

  private async settle(
    batch: OutgoingBatch,
    fence: string,
    placements: Awaited<ReturnType<Hold['session']['publish']>>,
  ): Promise<void> {
    await failpoint('before_settle');
    await settleBatch(this.deps.pool, {
      ref: this.hold.ref,
      fence,
      seq: batch.seq,
      batchId: batch.batchId,
      placements: placed(batch.events, placements),
    });
    await failpoint('after_settle');
    if (this.hold.clean !== null) this.hold.clean = { ...this.hold.clean, settled: batch.seq };
    this.progress.published += batch.events.length;
    observePublished(this.deps, this.hold, batch.events);
  }
}
