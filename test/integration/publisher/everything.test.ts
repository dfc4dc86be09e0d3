import { Client, Connection, WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { Rig } from '../../../faults/harness/rig';
import type { EverythingView } from '../../../src/domain/everything';
import { everythingId } from '../../../src/temporal/everything';
import { sharedServers, until } from '../../support/fault-run';

/** The workflow `everything`: pause and resume of all tenants by plain commands, on a real Temporal server. */
describe('everything', () => {
  let rig: Rig;
  let connection: Connection;
  let client: Client;
  let tenant: string;
  let handle: WorkflowHandle;

  beforeAll(async () => {
    rig = await Rig.start({ name: 'all', servers: sharedServers() });
    connection = await Connection.connect({ address: sharedServers().temporalAddress });
    client = new Client({ connection });
    [tenant = ''] = await rig.tenants(1);
    handle = client.workflow.getHandle(everythingId(`queue-${rig.options.name}`));
    await rig.worker({ env: { OUTBOX_LINGER: '50ms', OUTBOX_MAX_HISTORY_EVENTS: '60' } });
  });
  afterAll(async () => {
    await handle.terminate().catch(() => undefined);
    await connection.close();
    await rig.close();
  });

  const stateOf = (): Promise<EverythingView> => handle.query<EverythingView>('state');
  const update = (name: string, command: unknown): Promise<EverythingView> =>
    handle.executeUpdate<EverythingView, [unknown]>(name, { args: [command] });
  const becomes = (what: string, good: (view: EverythingView) => boolean): Promise<void> =>
    until(what, async () => {
      const view = await stateOf().catch(() => null);
      return view !== null && good(view);
    });
  const entries = (): Promise<Record<string, unknown>[]> =>
    rig.installation.query(
      `select actor, action, tenant_id, why, before, after from outbox.audit where action like 'all.%' order by audit_id`,
    );
  const published = async (): Promise<number> => {
    const [row] = await rig.installation.query<{ n: number }>(
      `select count(*)::int as n from outbox.events where status = 'published'`,
    );
    return row?.n ?? -1;
  };
  const enqueue = (): Promise<unknown> =>
    rig.installation.query(
      `select outbox.enqueue(tenant => $1, topic => $1 || '-topic', type => 't', payload => '{}'::jsonb)`,
      [tenant],
    );

  it('is started by the leader of the sweep, pauses all publishing and lets it go on, once in the audit each', async () => {
    await becomes('it has looked', ({ at }) => at !== null);
    await enqueue();
    await until('it publishes', async () => (await published()) === 1);
    const paused = await update('pause', { by: 'ops', why: 'broker upgrade' });
    expect(paused.paused).toMatchObject({ by: 'temporal:ops', why: 'broker upgrade', until: null });
    expect(await stateOf()).toMatchObject({ paused: { by: 'temporal:ops' } });
    await enqueue();
    await becomes('the pause is complete', ({ running, paused: row }) => row !== null && running === 0);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await published()).toBe(1);
    expect(await update('resume', { by: 'ops' })).toMatchObject({ paused: null });
    await until('it publishes again', async () => (await published()) === 2);
    const named = { actor: 'temporal:ops', tenant_id: null };
    expect(await entries()).toMatchObject([
      {
        ...named,
        action: 'all.pause',
        why: 'broker upgrade',
        before: null,
        after: { by: 'temporal:ops', until: null },
      },
      { ...named, action: 'all.resume', why: null, before: { why: 'broker upgrade' }, after: null },
    ]);
  });

  it('by signals, until a time, and shows what SQL and the admin API change', async () => {
    const end = new Date(Date.now() + 4_000).toISOString();
    await handle.signal('pause', { by: 'ops', why: 'for a moment', until: end });
    await becomes('paused', ({ paused }) => paused?.until === Date.parse(end));
    await becomes('over by itself', ({ paused }) => paused === null);
    await rig.installation.query(`insert into outbox.global_pause (by, why) values ('dba', 'by SQL')
      on conflict (only_row) do update set by = excluded.by, why = excluded.why, until = null`);
    await becomes('the pause by SQL is shown', ({ paused }) => paused?.by === 'dba');
    await handle.signal('resume', { by: 'ops', why: 'enough' });
    await becomes('resumed', ({ paused }) => paused === null);
    expect((await entries()).map(({ action }) => action)).toEqual([
      'all.pause',
      'all.resume',
      'all.pause',
      'all.resume',
    ]);
  });

  it('bad arguments are refused with what would be right, or counted, and it lives on', async () => {
    const noted = (await entries()).length;
    const { refusedCommands } = await stateOf();
    const bad: [string, unknown, string][] = [
      ['pause', 'nonsense', 'takes an object with until, by, why'],
      ['pause', { by: 'ops' }, 'why must be a text'],
      ['pause', { by: 'ops', why: 'x', until: 'soon' }, 'until must be milliseconds'],
      ['pause', { by: 'ops', why: 'x', untill: 1 }, 'untill is unknown'],
      ['resume', {}, 'by must be a text'],
      ['resume', { by: 'ops', why: 'a\0' }, 'or be left out'],
    ];
    for (const [name, command, right] of bad) {
      const error: unknown = await update(name, command).catch((failure: unknown) => failure);
      expect(error).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((error as WorkflowUpdateFailedError).cause?.message).toContain(right);
      await handle.signal(name, command);
    }
    await handle.signal('never heard of it', 1);
    await becomes('counted', (view) => view.refusedCommands === refusedCommands + bad.length + 1);
    expect(await entries()).toHaveLength(noted);
    expect(await update('resume', { by: 'ops' })).toMatchObject({ paused: null });
  });

  it('continues as new with what it counted, under a stream of commands', async () => {
    const { runId } = await handle.describe();
    const { refusedCommands } = await stateOf();
    const noted = (await entries()).length;
    for (let i = 0; i < 20; i += 1) await update(i % 2 === 0 ? 'pause' : 'resume', { by: 'ops', why: `turn ${i}` });
    await until('another run', async () => (await handle.describe()).runId !== runId);
    await becomes('it has looked', (view) => view.paused === null && view.refusedCommands === refusedCommands);
    expect(await entries()).toHaveLength(noted + 20);
  });

  it('comes back when it was terminated, and the pause stays', async () => {
    await update('pause', { by: 'ops', why: 'kept' });
    await handle.terminate('test');
    await until('it runs again', async () => (await handle.describe()).status.name === 'RUNNING', 60_000);
    await becomes('it knows', ({ paused }) => paused?.why === 'kept');
    await update('resume', { by: 'ops', why: 'over' });
  });
});
