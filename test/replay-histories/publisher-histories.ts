import { createTopics } from '../support/fault-run';
import type { PublisherState } from '../../src/domain/publisher-state';
import type { Recorder } from './recorder';

/** One tenant for each thing that can happen to a publisher. */
export async function recordPublisherHistories(recorder: Recorder): Promise<void> {
  const { rig } = recorder;
  const names = await rig.tenants(7);
  const [normal, breaker, many, paused, quota, halted, reset] = names.map((name) => new Publisher(recorder, name));
  if (!normal || !breaker || !many || !paused || !quota || !halted || !reset) throw new Error('too few tenants');
  for (const one of [normal, many, paused, quota, halted, reset]) await one.createTopic();

  for (let i = 1; i <= 3; i += 1) await normal.publishMore(1);
  await normal.asleep();
  await recorder.save('publisher-normal', normal.id);

  await breaker.enqueue(1);
  await breaker.becomes('probed in vain', (state) => state.breaker.openings >= 2);
  await breaker.handle.signal('openBreaker', { by: 'recorder', why: 'by hand as well' });
  await breaker.createTopic();
  await breaker.handle.signal('resetBreaker', { by: 'recorder' });
  await breaker.published(1);
  await breaker.asleep();
  await recorder.save('publisher-breaker', breaker.id);

  await many.publishMore(1);
  const { runId } = await many.handle.describe();
  while ((await many.handle.describe()).runId === runId) await many.publishMore(1);
  await many.publishMore(1);
  await many.asleep();
  await recorder.save('publisher-continue-as-new-1', many.id, runId);
  await recorder.save('publisher-continue-as-new-2', many.id);

  await paused.publishMore(1);
  await paused.handle.executeUpdate('pause', { args: [{ by: 'recorder', why: 'maintenance' }] });
  await paused.enqueue(2);
  await paused.handle.signal('pause', 'nonsense');
  await paused.handle.signal('never heard of it', 1);
  await paused.handle.signal('resume', { by: 'recorder' });
  await paused.published(3);
  await paused.handle.signal('pause', { by: 'recorder', why: 'for a second', until: Date.now() + 1_000 });
  await paused.becomes('resumed', (state) => state.paused === null);
  await paused.asleep();
  await recorder.save('publisher-pause', paused.id);

  await quota.publishMore(1);
  await quota.handle.executeUpdate('configure', {
    args: [{ by: 'recorder', quota: { ratePerSecond: 10, burst: 5 }, breaker: { threshold: 5 }, weight: 2 }],
  });
  await quota.enqueue(15);
  await quota.published(16);
  await quota.asleep();
  await recorder.save('publisher-quota', quota.id);

  await halted.publishMore(1);
  await halted.asleep();
  // As after the restore of an older copy; the fence goes up so that the worker's session is not trusted.
  await halted.row('recorded = 0, settled = 0, settled_at = null, fence = fence + 1');
  await halted.enqueue(1);
  await halted.becomes('halted', (state) => state.halted !== null);
  await halted.row('recorded = 1, settled = 1, settled_at = clock_timestamp()');
  await halted.handle.executeUpdate('unhalt', {
    args: [{ choice: 'recheck', by: 'recorder', why: 'the right copy is back' }],
  });
  await halted.published(2);
  await halted.asleep();
  await recorder.save('publisher-halted', halted.id);

  await reset.publishMore(1);
  await reset.handle.executeUpdate('configure', { args: [{ by: 'recorder', weight: 2 }] });
  await reset.handle.signal('resume', { by: 'recorder' });
  await reset.publishMore(1);
  await reset.resetToFirstTask();
  await reset.publishMore(1);
  await reset.asleep();
  await recorder.save('publisher-reset', reset.id);
}

class Publisher {
  readonly id: string;
  private enqueued = 0;

  constructor(
    private readonly recorder: Recorder,
    private readonly tenant: string,
  ) {
    this.id = `publisher:${tenant}`;
  }

  get handle(): ReturnType<Recorder['client']['workflow']['getHandle']> {
    return this.recorder.client.workflow.getHandle(this.id);
  }

  async createTopic(): Promise<void> {
    await createTopics(this.recorder.rig.direct.kafkaBrokers, [`${this.tenant}-topic`]);
  }

  async enqueue(events: number): Promise<void> {
    for (let i = 0; i < events; i += 1) {
      await this.recorder.rig.installation.query(
        `select outbox.enqueue(tenant => $1, topic => $2, type => 't', payload => '{}'::jsonb)`,
        [this.tenant, `${this.tenant}-topic`],
      );
    }
    this.enqueued += events;
  }

  /** A wake and a drain of its own for these events. */
  async publishMore(events: number): Promise<void> {
    await this.enqueue(events);
    await this.published(this.enqueued);
    await this.asleep();
  }

  async published(events: number): Promise<void> {
    await this.recorder.until(`${events} events of ${this.tenant} published`, async () => {
      const [row] = await this.recorder.rig.installation.query<{ n: number }>(
        `select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`,
        [this.tenant],
      );
      return row?.n === events;
    });
  }

  async becomes(what: string, good: (state: PublisherState) => boolean): Promise<void> {
    await this.recorder.until(`${this.tenant} ${what}`, async () =>
      good(await this.handle.query<PublisherState>('state')),
    );
  }

  /** The row sleeps, and the workflow has taken the drain's outcome in. */
  async asleep(): Promise<void> {
    await this.becomes('asleep', (state) => !state.drain.woken && !state.drain.doubt);
    await this.recorder.until(`${this.tenant} asleep`, async () => {
      const [row] = await this.recorder.rig.installation.query<{ state: string }>(
        'select state from outbox.publishers where tenant_id = $1',
        [this.tenant],
      );
      return row?.state === 'sleeping';
    });
  }

  async row(set: string): Promise<void> {
    await this.recorder.rig.installation.query(`update outbox.publishers set ${set} where tenant_id = $1`, [
      this.tenant,
    ]);
  }

  /** As `temporal workflow reset --type FirstWorkflowTask`: the signals and updates of the old run are applied again. */
  async resetToFirstTask(): Promise<void> {
    const { runId } = await this.handle.describe();
    const { events } = await this.handle.fetchHistory();
    const first = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
    await this.recorder.connection.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: this.id, runId },
      reason: 'recorded',
      workflowTaskFinishEventId: first?.eventId ?? null,
      requestId: `reset-${runId}`,
    });
  }
}
