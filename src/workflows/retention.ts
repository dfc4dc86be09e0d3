import { continueAsNew, proxyActivities, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import type { RetentionActivities } from '../domain/retention';

/** One object argument, so that fields can be added. */
export interface RetentionInput {
  /** Carried over continue-as-new. */
  readonly so?: RetentionTotals;
}

export interface RetentionTotals {
  readonly after: string;
  readonly event: string;
  readonly tenants: number;
  readonly published: number;
  readonly skipped: number;
}

const NOTHING: RetentionTotals = { after: '', event: '0', tenants: 0, published: 0, skipped: 0 };

const { purgeExpired } = proxyActivities<RetentionActivities>({
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '1s', maximumInterval: '1m' },
  summary: 'delete what is past its time',
  // A database in trouble must not be asked for ever: the schedule starts the next run anyway.
  scheduleToCloseTimeout: '2 hours',
});

/** One run of retention over all tenants, started by its Schedule. Steps are bounded; the result says what was deleted. */
export async function retention(input: RetentionInput = {}): Promise<RetentionTotals> {
  let so = input.so ?? NOTHING;
  for (;;) {
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof retention>({ so });
    const step = await purgeExpired({ after: so.after, event: so.event });
    so = {
      after: step.after,
      event: step.event,
      tenants: so.tenants + step.tenants,
      published: so.published + step.published,
      skipped: so.skipped + step.skipped,
    };
    setCurrentDetails(
      `Deleted **${so.published}** published and **${so.skipped}** skipped events ` +
        `of ${so.tenants} tenants${step.done ? '.' : `, so far up to \`${so.after}\`.`}`,
    );
    if (step.done) return so;
  }
}
