import type { Client, ScheduleOptions, ScheduleUpdateOptions } from '@temporalio/client';
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';

export interface RetentionSchedule {
  readonly installId: string;
  readonly taskQueue: string;
  readonly intervalMs: number;
}

/** Fixed per installation, so that any number of workers keep one schedule, and two installations one each. */
export function retentionScheduleId(installId: string): string {
  return `outbox-retention:${installId}`;
}

/** A run that no worker took in a day is of no use any more; the next one does its work. */
const LONGEST_RUN = '1 day';

/**
 * Creates the schedule of retention, or puts this deployment's interval and task queue into it. An operator's pause in the Web
 * UI stays. Rejects if Temporal does not answer or refuses.
 */
export async function keepRetentionSchedule(client: Client, wanted: RetentionSchedule): Promise<void> {
  const scheduleId = retentionScheduleId(wanted.installId);
  try {
    await client.schedule.create({ ...description(wanted), scheduleId } as ScheduleOptions);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(scheduleId).update((known) => ({
      ...(description(wanted) as ScheduleUpdateOptions),
      state: known.state,
    }));
  }
}

function description(wanted: RetentionSchedule): Omit<ScheduleOptions, 'scheduleId'> {
  return {
    spec: { intervals: [{ every: wanted.intervalMs }] },
    // A run that takes longer than the interval is not joined by a second one.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' },
    action: {
      type: 'startWorkflow',
      workflowType: 'retention',
      workflowId: retentionScheduleId(wanted.installId),
      taskQueue: wanted.taskQueue,
      args: [{}],
      workflowExecutionTimeout: LONGEST_RUN,
    },
  };
}
