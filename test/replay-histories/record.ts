import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Rig } from '../../faults/harness/rig';
import { recordPublisherHistories } from './publisher-histories';
import type { Recorder } from './recorder';
import { recordReplayHistories } from './replay-histories';
import { recordRetentionHistory } from './retention-history';
import { storeHistory } from './stored';
import { sharedServers } from '../support/fault-run';

/**
 * Records the histories that test/unit/workflows/histories.test.ts replays, with the built worker on real servers:
 *   npm run build && npm run histories:record        DATABASE_URL, KAFKA_BROKERS and TEMPORAL_ADDRESS name the servers
 */
async function main(): Promise<void> {
  const rig = await Rig.start({ name: 'history', servers: sharedServers() });
  const connection = await Connection.connect({ address: rig.direct.temporalAddress });
  try {
    const client = new Client({ connection });
    const recorder: Recorder = {
      rig,
      client,
      connection,
      async save(name, workflowId, runId) {
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const bytes = storeHistory({ name, workflowId, history });
        process.stdout.write(`${name}: ${history.events?.length ?? 0} events, ${bytes} bytes\n`);
      },
      until,
    };
    await rig.worker({ env: ENV });
    await recordPublisherHistories(recorder);
    await recordReplayHistories(recorder);
    await recordRetentionHistory(recorder);
  } catch (error) {
    process.stderr.write(`${await rig.describe()}\n`);
    throw error;
  } finally {
    await connection.close();
    await rig.close();
  }
}

const ENV = {
  OUTBOX_MAX_HISTORY_EVENTS: '100',
  OUTBOX_BREAKER_THRESHOLD: '2',
  OUTBOX_TOPIC_CREATE: 'false',
  OUTBOX_LINGER: '50ms',
};

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await delay(50);
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
