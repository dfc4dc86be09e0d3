import type { Client, WorkflowSignalWithStartOptions, WorkflowStartOptions } from '@temporalio/client';
import type { EverythingInput } from '../domain/everything';

export interface EverythingWorkflow {
  readonly taskQueue: string;
  readonly maxHistoryEvents: number;
}

/**
 * One for each installation. Its workers' task queue sets it apart from others in the namespace, and is known to whoever types a
 * command: with the default `everything:temporal-outbox`.
 */
export function everythingId(taskQueue: string): string {
  return `everything:${taskQueue}`;
}

/** Starts the workflow if it does not run; costs a running one nothing, not even a history event. */
export async function startEverything(client: Client, workflow: EverythingWorkflow): Promise<void> {
  await client.workflow.start<(input: EverythingInput) => Promise<void>>('everything', {
    ...options(workflow),
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}

/** Tells the workflow that the pause of everything may have changed, starting it if it does not run. */
export async function wakeEverything(client: Client, workflow: EverythingWorkflow): Promise<void> {
  await client.workflow.signalWithStart<(input: EverythingInput) => Promise<void>, [object]>('everything', {
    ...options(workflow),
    signal: 'wake',
    signalArgs: [{}],
  });
}

type Options = Pick<
  WorkflowStartOptions & WorkflowSignalWithStartOptions,
  'workflowId' | 'taskQueue' | 'staticSummary'
> & { args: [EverythingInput] };

function options({ taskQueue, maxHistoryEvents }: EverythingWorkflow): Options {
  return {
    workflowId: everythingId(taskQueue),
    taskQueue,
    args: [{ maxHistoryEvents }],
    staticSummary: 'Pause and resume of all tenants',
  };
}
