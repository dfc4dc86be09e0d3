import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { errorMessage } from '../domain/errors';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherInput } from '../domain/publisher-settings';
import { replayWorkflowId } from '../domain/replay';
import type { ReplayInput } from '../domain/replay-workflow';
import type { ReplayRef } from '../postgres/replay-visits';
import { wakePublishers } from '../postgres/publishers';

export type WakeSource = 'api' | 'notify' | 'sweep' | 'replay' | 'command';

export interface WakeObserver {
  woken(source: WakeSource, result: 'signalled' | 'coalesced' | 'failed', count: number): void;
  failed(source: WakeSource, message: string): void;
}

/** A wake is best effort: the sweep repeats it. Longer would only pile up calls while Temporal is down. */
const SIGNAL_DEADLINE_MS = 3_000;
/** Signals under way at once: one after the other, the twentieth publisher would wait for 19 answers of 10 to 20 ms. */
const LANES = 8;

/**
 * Wakes sleeping publishers. The row's change from `sleeping` to `waking` decides who signals: one wake reaches Temporal
 * however many processes ask for it, because wakes are the scarce thing (about 100 a second on a development server).
 */
export class Waker {
  constructor(
    private readonly pool: Pool,
    private readonly client: Client,
    private readonly taskQueue: string,
    private readonly observer: WakeObserver,
    private readonly replayInput: Pick<ReplayInput, 'maxHistoryEvents'> = {},
  ) {}

  /** Never rejects: failures are counted and logged, and the sweep heals them. */
  async wake(refs: readonly PublisherRef[], source: WakeSource): Promise<void> {
    try {
      const winners = await wakePublishers(this.pool, refs);
      if (winners.length < refs.length) this.observer.woken(source, 'coalesced', refs.length - winners.length);
      await this.signal(winners, source);
    } catch (error) {
      this.observer.failed(source, errorMessage(error));
    }
  }

  /**
   * Signals publishers whose row this process has already claimed (the sweep marks them itself). Answers those whose signal
   * failed; after the first failure the rest is not tried, for a Temporal that hangs would cost the deadline for each.
   */
  async signal(refs: readonly PublisherRef[], source: WakeSource): Promise<PublisherRef[]> {
    const waiting = refs.values();
    const failed: PublisherRef[] = [];
    const lane = async (): Promise<void> => {
      for (const ref of waiting) {
        if (failed.length > 0 || !(await this.signalOne(ref, source))) failed.push(ref);
      }
    };
    await Promise.all(Array.from({ length: Math.min(LANES, refs.length) }, lane));
    return failed;
  }

  /** Starts the workflows of replays, or wakes them. Never rejects; a lost signal is repeated by the sweep. */
  async visit(replays: readonly ReplayRef[]): Promise<void> {
    const waiting = replays.values();
    let failed = false;
    const lane = async (): Promise<void> => {
      for (const replay of waiting) failed ||= !(await this.visitOne(replay));
    };
    await Promise.all(Array.from({ length: Math.min(LANES, replays.length) }, lane));
  }

  private async visitOne({ tenant, replayId }: ReplayRef): Promise<boolean> {
    try {
      await this.client.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
        this.client.workflow.signalWithStart('replay', {
          workflowId: replayWorkflowId(tenant, replayId),
          taskQueue: this.taskQueue,
          args: [{ tenant, replayId, ...this.replayInput } satisfies ReplayInput],
          signal: 'wake',
          signalArgs: [{}],
          staticSummary: `Replay ${replayId} of ${tenant}`,
          memo: { tenant, replayId },
        }),
      );
      this.observer.woken('replay', 'signalled', 1);
      return true;
    } catch (error) {
      this.observer.woken('replay', 'failed', 1);
      this.observer.failed('replay', errorMessage(error));
      return false;
    }
  }

  private async signalOne(ref: PublisherRef, source: WakeSource): Promise<boolean> {
    try {
      await this.client.withDeadline(Date.now() + SIGNAL_DEADLINE_MS, () =>
        this.client.workflow.signalWithStart('publisher', {
          workflowId: publisherId(ref),
          taskQueue: this.taskQueue,
          args: [{ publisher: ref } satisfies PublisherInput],
          signal: 'wake',
          signalArgs: [{}],
          staticSummary: `Publisher of ${ref.tenant}`,
          memo: { tenant: ref.tenant, destination: ref.destination },
        }),
      );
      this.observer.woken(source, 'signalled', 1);
      return true;
    } catch (error) {
      this.observer.woken(source, 'failed', 1);
      this.observer.failed(source, errorMessage(error));
      return false;
    }
  }
}
