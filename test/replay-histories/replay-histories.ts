import type { Recorder } from './recorder';
import { Publisher } from './publisher';

/** A replay that runs to its end, and one that is paused, resumed and cancelled. */
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
  await becomes('cut', 'running');
  await until('the replay runs', async () => (await cut.describe()).status.name === 'RUNNING');
  await cut.signal('pause', { by: 'recorder', why: 'for a moment' });
  await becomes('cut', 'paused');
  await cut.signal('pause', 'nonsense');
  await cut.executeUpdate('resume', { args: [{ by: 'recorder', why: 'go on' }] });
  await becomes('cut', 'running');
  await cut.signal('cancel', { by: 'recorder', why: 'enough' });
  await becomes('cut', 'cancelled');
  await closed(`replay:${tenant}:cut`);
  await save('replay-pause-cancel', `replay:${tenant}:cut`);
}
