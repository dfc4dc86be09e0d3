import type { Client, Connection } from '@temporalio/client';
import type { Rig } from '../../faults/harness/rig';

/** What the scenarios are given. */
export interface Recorder {
  readonly rig: Rig;
  readonly client: Client;
  readonly connection: Connection;
  /** Stores the history of a run (the latest if none is named). */
  save(name: string, workflowId: string, runId?: string): Promise<void>;
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
}
