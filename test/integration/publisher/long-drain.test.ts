import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { PublisherState } from '../../../src/domain/publisher-state';
import { createTopics, sharedServers } from '../../support/fault-run';

/** A publisher whose drain lingers: it has published one event of its topic. */
class Lingering {
  private constructor(
    readonly rig: Rig,
    private readonly connection: Connection,
    readonly tenant: string,
    readonly handle: WorkflowHandle,
  ) {}

  static async start(env: Readonly<Record<string, string>>, workers = 1): Promise<Lingering> {
    const rig = await Rig.start({ name: 'long', servers: sharedServers() });
    const connection = await Connection.connect({ address: sharedServers().temporalAddress });
    const [tenant = ''] = await rig.tenants(1);
    await createTopics(rig.direct.kafkaBrokers, [`${tenant}-topic`]);
    for (let started = 0; started < workers; started += 1) await rig.worker({ env });
    const handle = new Client({ connection }).workflow.getHandle(`publisher:${tenant}`);
    const one = new Lingering(rig, connection, tenant, handle);
    await one.enqueue();
    await one.until('an event published', async () => (await one.published()) === 1);
    return one;
  }

  enqueue(): Promise<unknown> {
    return this.rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $1 || '-topic', type => 't', payload => '{}'::jsonb)`,
      [this.tenant],
    );
  }

  async published(): Promise<number> {
    return this.count(`select count(*)::int as n from outbox.events where tenant_id = $1 and status = 'published'`);
  }

  async count(text: string): Promise<number> {
    return (await this.rig.installation.query<{ n: number }>(text, [this.tenant]))[0]?.n ?? 0;
  }

  async rowState(): Promise<string | undefined> {
    const text = 'select state from outbox.publishers where tenant_id = $1';
    return (await this.rig.installation.query<{ state: string }>(text, [this.tenant]))[0]?.state;
  }

  /** Kills the worker that has the drain. */
  async killDrainer(): Promise<void> {
    const { drain } = await this.handle.query<PublisherState>('state');
    const text = 'select drained_by from outbox.publishers where tenant_id = $1';
    const [row] = await this.rig.installation.query<{ drained_by: string }>(text, [this.tenant]);
    const pid = Number(row?.drained_by.split(':')[1]);
    const service = this.rig.services.find(({ child }) => child.pid === pid);
    if (service === undefined) throw new Error(`nobody drains ${this.tenant}: ${JSON.stringify({ row, drain })}`);
    service.child.signal('SIGKILL');
  }

  async drains(): Promise<number> {
    return (await this.handle.query<PublisherState>('state')).counters.drains;
  }

  async until(what: string, good: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await good())) {
      if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
      await delay(50);
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
    await this.rig.close();
  }
}

describe('a drain that keeps up with its events', () => {
  let one: Lingering;
  afterEach(() => one.close());

  it('outlasts the longest run of one with a backlog, and hands over to the next without going to sleep', async () => {
    one = await Lingering.start({ OUTBOX_DRAIN_MAX: '1s', OUTBOX_LINGER: '20s' });
    const states = new Set<string | undefined>();
    const began = Date.now();
    await one.until('a second drain', async () => {
      states.add(await one.rowState());
      return (await one.drains()) === 2;
    });
    // Of its six times a second it gives up to 40 % away, so that publishers do not end together.
    expect(Date.now() - began).toBeGreaterThan(2_000);
    await one.enqueue();
    await one.until('the next event published', async () => {
      states.add(await one.rowState());
      return (await one.published()) === 2;
    });
    expect([...states]).toEqual(['running']);
  });

  it('is told to end by an order, which counts at once, and goes on after it', async () => {
    // Left alone, it would linger for a minute.
    one = await Lingering.start({ OUTBOX_DRAIN_MAX: '5m', OUTBOX_LINGER: '1m' });
    expect(await one.drains()).toBe(1);
    await one.handle.executeUpdate('configure', { args: [{ by: 'test', quota: { ratePerSecond: 1, burst: 1 } }] });
    await one.until('a drain under the new quota', async () => (await one.drains()) === 2);
    expect(await one.rowState()).toBe('running');
    await one.enqueue();
    await one.until('the next event published', async () => (await one.published()) === 2);
  });

  it('is told to end by a replay that was asked for, which is stored before the next', async () => {
    one = await Lingering.start({ OUTBOX_DRAIN_MAX: '5m', OUTBOX_LINGER: '1m' });
    const [event] = await one.rig.installation.query<{ id: string }>(
      'select event_id::text as id from outbox.events where tenant_id = $1',
      [one.tenant],
    );
    await one.handle.executeUpdate('replay', {
      args: [{ replayId: 'again', by: 'test', why: 'test', eventIds: [event?.id] }],
    });
    const stored = 'select count(*)::int as n from outbox.replays where tenant_id = $1';
    await one.until('the replay stored', async () => (await one.count(stored)) === 1);
    await one.until('the event replayed', async () => {
      const copies = `select count(*)::int as n from outbox.replays where tenant_id = $1 and state = 'done'`;
      return (await one.count(copies)) === 1;
    });
  });

  it('is told to end by an order while its worker dies, and another takes over', async () => {
    one = await Lingering.start({ OUTBOX_DRAIN_MAX: '5m', OUTBOX_LINGER: '1m' }, 2);
    const { runId } = await one.handle.describe();
    await one.handle.executeUpdate('configure', { args: [{ by: 'test', weight: 2 }] });
    // Before the heartbeat that would tell it: the server waits for it in vain, and does not try anew what was told to end.
    await one.killDrainer();
    await one.enqueue();
    await one.until('the next event published', async () => (await one.published()) === 2);
    // Of the same run: a failed one would have been replaced by the sweep.
    expect(await one.handle.describe()).toMatchObject({ runId, status: { name: 'RUNNING' } });
    expect((await one.handle.query<PublisherState>('state')).overrides.weight).toBe(2);
  });

  it('ends when its workflow is cancelled, and the workflow with it', async () => {
    one = await Lingering.start({ OUTBOX_DRAIN_MAX: '5m', OUTBOX_LINGER: '1m' });
    await one.handle.cancel();
    await one.until('the workflow cancelled', async () => (await one.handle.describe()).status.name === 'CANCELLED');
    // Whatever wakes it next starts it anew; nothing of it is left behind.
    await one.enqueue();
    await one.until('the next event published', async () => (await one.published()) === 2);
  });
});
