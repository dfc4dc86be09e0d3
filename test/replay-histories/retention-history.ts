import { retentionScheduleId } from '../../src/temporal/retention-schedule';
import type { Recorder } from './recorder';

/** One run of retention, started as its schedule does. */
export async function recordRetentionHistory({ rig, client, save, until }: Recorder): Promise<void> {
  const [row] = await rig.installation.query<{ id: string }>('select install_id as id from outbox.installation');
  await rig.installation.query(
    `update outbox.events set created_at = created_at - interval '8 days', published_at = published_at - interval '8 days'`,
  );
  const schedule = client.schedule.getHandle(retentionScheduleId(row?.id ?? ''));
  await schedule.trigger();
  await until('retention started', async () => (await schedule.describe()).info.recentActions.length > 0);
  const { info } = await schedule.describe();
  const run = info.recentActions[0]?.action.workflow;
  if (run === undefined) throw new Error('the schedule started no workflow');
  await client.workflow.getHandle(run.workflowId, run.firstExecutionRunId).result();
  await save('retention', run.workflowId, run.firstExecutionRunId);
  await schedule.delete();
}
