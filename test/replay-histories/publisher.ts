import type { PublisherState } from '../../src/domain/publisher-state';
import { createTopics } from '../support/fault-run';
import type { Recorder } from './recorder';
import { resetToFirstTask } from './reset';

/** One tenant's publisher, as the scenarios drive it. */
export class Publisher {
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
    await this.becomes('asleep', (state) => !state.drain.woken);
    await this.recorder.until(`${this.tenant} asleep`, async () => {
      const [row] = await this.recorder.rig.installation.query<{ state: string }>(
        'select state from outbox.publishers where tenant_id = $1',
        [this.tenant],
      );
      return row?.state === 'sleeping';
    });
  }

  resetToFirstTask(): Promise<void> {
    return resetToFirstTask(this.recorder, this.id);
  }
}
