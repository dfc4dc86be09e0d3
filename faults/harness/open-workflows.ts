import { Client, Connection } from '@temporalio/client';
import type { Addresses } from './service-process';

const EVENTS_SHOWN = 14;
const WORKFLOWS_SHOWN = 4;

/**
 * For the message of a failed run: pending activities and the last events of the history of `tenants`' publishers. A
 * publisher that stands still leaves no line in a worker's log; only Temporal knows what it waits for.
 */
export async function describePublishers(
  { temporalAddress }: Addresses,
  taskQueue: string,
  tenants: readonly string[],
): Promise<string> {
  const connection = await Connection.connect({ address: temporalAddress, connectTimeout: 5_000 });
  try {
    const client = new Client({ connection });
    const lines: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query: `TaskQueue = '${taskQueue}'` })) {
      if (!tenants.some((tenant) => workflowId.includes(tenant))) continue;
      lines.push(await describeOne(client, workflowId));
      if (lines.length === WORKFLOWS_SHOWN) break;
    }
    return lines.join('\n');
  } finally {
    await connection.close();
  }
}

async function describeOne(client: Client, workflowId: string): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  const { status, raw } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const last = (events ?? []).slice(-EVENTS_SHOWN).map((event) => JSON.stringify(event));
  const pending = { activities: raw.pendingActivities, workflowTask: raw.pendingWorkflowTask };
  return [`--- ${workflowId} ${status.name}`, JSON.stringify(pending), ...last].join('\n');
}
