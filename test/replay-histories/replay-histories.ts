import type { Recorder } from './recorder';
import { Publisher } from './publisher';
import { resetToFirstTask } from './reset';

/** Replays that run to their end, are paused, resumed and cancelled, continue as new, and are reset. */
export async function recordReplayHistories(recorder: Recorder): Promise<void> {
  const { rig, client, save, until } = recorder;
  const tenant = (await rig.tenants(8))[7] ?? '';
  const publisher = new Publisher(recorder, tenant);
  await publisher.createTopic();
  await publisher.publishMore(6);

  const start = (replayId: string, more: object): Promise<unknown> =>
    publisher.handle.executeUpdate('replay', {
      args: [{ replayId, filter: { status: 'published' }, by: 'recorder', why: 'test', ...more }],
    });
  const becomes = (replayId: string, state: string): Promise<void> =>
    until(`replay ${replayId} ${state}`, async () => {
      const [row] = await rig.installation.query<{ state: string }>(
        'select state from outbox.replays where tenant_id = $1 and replay_id = $2',
        [tenant, replayId],
      );
      return row?.state === state;
    });
  /** Its row says so, and its workflow was started. */
  const runs = async (replayId: string): Promise<void> => {
    await becomes(replayId, 'running');
    const handle = client.workflow.getHandle(`replay:${tenant}:${replayId}`);
    await until('the replay runs', async () => (await handle.describe()).status.name === 'RUNNING');
  };
  const closed = (workflowId: string): Promise<void> =>
    until(`${workflowId} closed`, async () => {
      const { status } = await client.workflow.getHandle(workflowId).describe();
      return status.name !== 'RUNNING';
    });

  await start('whole', {});
  await becomes('whole', 'done');
  await closed(`replay:${tenant}:whole`);
  await save('replay-normal', `replay:${tenant}:whole`);

  await start('cut', { ratePerSecond: 1 });
  const cut = client.workflow.getHandle(`replay:${tenant}:cut`);
  await runs('cut');
  await cut.signal('pause', { by: 'recorder', why: 'for a moment' });
  await becomes('cut', 'paused');
  await cut.signal('pause', 'nonsense');
  await cut.executeUpdate('resume', { args: [{ by: 'recorder', why: 'go on' }] });
  await becomes('cut', 'running');
  await cut.signal('cancel', { by: 'recorder', why: 'enough' });
  await becomes('cut', 'cancelled');
  await closed(`replay:${tenant}:cut`);
  await save('replay-pause-cancel', `replay:${tenant}:cut`);

  // Slow, so that it is paused before it ends; whoever wakes a paused replay makes it look once.
  await start('long', { ratePerSecond: 1 });
  const long = client.workflow.getHandle(`replay:${tenant}:long`);
  await runs('long');
  await long.signal('pause', { by: 'recorder', why: 'for long' });
  await becomes('long', 'paused');
  const { runId } = await long.describe();
  await until('the replay continued as new', async () => {
    await long.signal('wake');
    return (await long.describe()).runId !== runId;
  });
  await long.executeUpdate('resume', { args: [{ by: 'recorder', why: 'go on' }] });
  await becomes('long', 'done');
  await closed(`replay:${tenant}:long`);
  await save('replay-continue-as-new-1', `replay:${tenant}:long`, runId);
  await save('replay-continue-as-new-2', `replay:${tenant}:long`);

  await start('again', { ratePerSecond: 1 });
  const again = client.workflow.getHandle(`replay:${tenant}:again`);
  await runs('again');
  await again.signal('pause', { by: 'recorder', why: 'for a moment' });
  await becomes('again', 'paused');
  await again.executeUpdate('resume', { args: [{ by: 'recorder', why: 'go on' }] });
  await becomes('again', 'running');
  await resetToFirstTask(recorder, `replay:${tenant}:again`);
  await becomes('again', 'done');
  await closed(`replay:${tenant}:again`);
  await save('replay-reset', `replay:${tenant}:again`);
}
