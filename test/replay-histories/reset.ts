import type { Recorder } from './recorder';

/** As `temporal workflow reset --type FirstWorkflowTask`: the signals and updates of the old run are applied again. */
export async function resetToFirstTask({ client, connection }: Recorder, workflowId: string): Promise<void> {
  const handle = client.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes != null);
  await connection.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId, runId },
    reason: 'recorded',
    workflowTaskFinishEventId: first?.eventId ?? null,
    requestId: `reset-${runId}`,
  });
}
