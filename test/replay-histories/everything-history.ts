import { everythingId } from '../../src/temporal/everything';
import type { EverythingView } from '../../src/domain/everything';
import type { Recorder } from './recorder';

/** Paused and resumed by updates and signals, by SQL and by time. */
export async function recordEverythingHistory({ rig, client, save, until }: Recorder): Promise<void> {
  const handle = client.workflow.getHandle(everythingId(`queue-${rig.options.name}`));
  const becomes = (what: string, good: (view: EverythingView) => boolean): Promise<void> =>
    until(`everything ${what}`, async () => good(await handle.query<EverythingView>('state')));
  await becomes('seen', ({ at }) => at !== null);
  const { runId } = await handle.describe();
  await handle.executeUpdate('pause', { args: [{ by: 'recorder', why: 'maintenance' }] });
  await handle.signal('pause', 'nonsense');
  await handle.executeUpdate('resume', { args: [{ by: 'recorder' }] });
  await handle.signal('pause', { by: 'recorder', why: 'for a second', until: Date.now() + 1_000 });
  await becomes('paused', ({ paused }) => paused !== null);
  await becomes('over', ({ paused }) => paused === null);
  await rig.installation.query(`update outbox.global_pause set by = 'dba', why = 'by SQL', until = null`);
  await becomes('paused by SQL', ({ paused }) => paused?.by === 'dba');
  await handle.signal('resume', { by: 'recorder', why: 'enough' });
  await becomes('resumed', ({ paused }) => paused === null);
  await save('everything', handle.workflowId, runId);
}
