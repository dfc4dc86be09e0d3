import { randomUUID } from 'node:crypto';
import {
  Client,
  QueryRejectedError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { OutboxError, errorMessage } from '../domain/errors';
import { publisherId } from '../domain/publisher';
import type { PublisherRef } from '../domain/publisher';
import type { PublisherInput } from '../domain/publisher-settings';
import type { PublisherState } from '../domain/publisher-state';

/** What became of a command: in force with the new state, or refused by the workflow's own check, which says why. */
export type Commanded =
  { readonly ok: true; readonly state: PublisherState } | { readonly ok: false; readonly refused: string };

/** Orders to publisher workflows and questions about them. Everything rejects with TEMPORAL_UNAVAILABLE at the deadline. */
export interface PublisherCommands {
  /** Runs the update `name` (see docs/operations.md), starting the workflow if it does not run. */
  update(ref: PublisherRef, name: string, command: object): Promise<Commanded>;
  /** The live state, or null if no such workflow runs: then the publisher's row holds all that an operator set. */
  state(ref: PublisherRef): Promise<PublisherState | null>;
  /** Terminates the workflows of a tenant that is being deleted; those that do not run are passed over. */
  end(ids: readonly string[], why: string): Promise<void>;
}

/** An HTTP caller has given up after ten seconds. An update that starts a workflow took 60 to 300 ms. */
const UPDATE_DEADLINE_MS = 8_000;
/** A query is answered from the worker's cache in milliseconds; longer means that no worker runs. */
const QUERY_DEADLINE_MS = 3_000;

/** `client` as `temporalClient` makes it: it connects when first used. */
export function publisherCommands(client: Client, taskQueue: string): PublisherCommands {
  // Without this the query of a terminated workflow answers what it knew when it ended.
  const asking = new Client({
    connection: client.connection,
    namespace: client.options.namespace,
    workflow: { queryRejectCondition: 'NOT_OPEN' },
  });
  return {
    async update(ref, name, command) {
      try {
        const state = await client.withDeadline(Date.now() + UPDATE_DEADLINE_MS, () =>
          client.workflow.executeUpdateWithStart<PublisherWorkflow, PublisherState, [object]>(name, {
            args: [command],
            // One per call: a repetition by the client library after a lost answer is then the same update.
            updateId: randomUUID(),
            startWorkflowOperation: new WithStartWorkflowOperation<PublisherWorkflow>('publisher', {
              workflowId: publisherId(ref),
              taskQueue,
              args: [{ publisher: ref }],
              workflowIdConflictPolicy: 'USE_EXISTING',
              staticSummary: `Publisher of ${ref.tenant}`,
              memo: { tenant: ref.tenant, destination: ref.destination },
            }),
          }),
        );
        return { ok: true, state };
      } catch (error) {
        if (error instanceof WorkflowUpdateFailedError)
          return { ok: false, refused: errorMessage(error.cause ?? error) };
        throw unavailable(error, `whether "${name}" took effect is not known`);
      }
    },
    async state(ref) {
      try {
        return await asking.withDeadline(Date.now() + QUERY_DEADLINE_MS, () =>
          asking.workflow.getHandle(publisherId(ref)).query<PublisherState>('state'),
        );
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError) return null;
        throw unavailable(error, 'the live state is not known');
      }
    },
    async end(ids, why) {
      try {
        await client.withDeadline(Date.now() + UPDATE_DEADLINE_MS, async () => {
          for (const id of ids) await terminate(client, id, why);
        });
      } catch (error) {
        throw new OutboxError(
          'TEMPORAL_UNAVAILABLE',
          `Temporal did not answer, and workflows of the tenant may still run (${errorMessage(error)}). Check that Temporal runs, then delete the tenant again.`,
          { cause: error },
        );
      }
    },
  };
}

type PublisherWorkflow = (input: PublisherInput) => Promise<void>;

async function terminate(client: Client, id: string, why: string): Promise<void> {
  try {
    await client.workflow.getHandle(id).terminate(why);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

function unavailable(error: unknown, consequence: string): OutboxError {
  return new OutboxError(
    'TEMPORAL_UNAVAILABLE',
    `Temporal or its workers did not answer, ${consequence} (${errorMessage(error)}). Check that Temporal and at least one worker run, look at the publisher's state, then try again.`,
    { cause: error },
  );
}
