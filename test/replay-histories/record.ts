import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { Rig } from '../../faults/harness/rig';
import { recordOrderedHistory, recordPublisherHistories } from './publisher-histories';
import type { Recorder } from './recorder';
import { recordReplayHistories } from './replay-histories';
import { recordRetentionHistory } from './retention-history';
import { storeHistory } from './stored';
import { sharedServers } from '../support/fault-run';

/**
 * Records the histories that test/unit/workflows/histories.test.ts replays, with the built worker on real servers:
 *   npm run build && npm run histories:record [-- NAME ...]     DATABASE_URL, KAFKA_BROKERS and TEMPORAL_ADDRESS name the servers
 * With names only those are stored, and histories of older versions stay as they are beside them.
 */
async function main(only: readonly string[]): Promise<void> {
  const connection = await Connection.connect({ address: sharedServers().temporalAddress });
  try {
    for (const group of GROUPS) {
      if (only.length === 0 || group.names.some((name) => only.includes(name))) await record(connection, only, group);
    }
  } finally {
    await connection.close();
  }
}

async function record(connection: Connection, only: readonly string[], { env, scenarios }: Group): Promise<void> {
  const rig = await Rig.start({ name: 'history', servers: sharedServers() });
  try {
    const client = new Client({ connection });
    await rig.worker({ env });
    await scenarios({
      rig,
      client,
      connection,
      async save(name, workflowId, runId) {
        if (only.length > 0 && !only.includes(name)) return;
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const bytes = storeHistory({ name, workflowId, history });
        process.stdout.write(`${name}: ${history.events?.length ?? 0} events, ${bytes} bytes\n`);
      },
      until,
    });
  } catch (error) {
    process.stderr.write(`${await rig.describe()}\n`);
    throw error;
  } finally {
    await rig.close();
  }
}

const QUICK = {
  OUTBOX_MAX_HISTORY_EVENTS: '100',
  OUTBOX_BREAKER_THRESHOLD: '2',
  OUTBOX_TOPIC_CREATE: 'false',
  OUTBOX_LINGER: '50ms',
};

/** Drains that still run when an order comes. */
const LINGERING = { OUTBOX_TOPIC_CREATE: 'false', OUTBOX_LINGER: '30s' };

interface Group {
  /** What its scenarios save. */
  readonly names: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly scenarios: (recorder: Recorder) => Promise<void>;
}

const GROUPS: readonly Group[] = [
  {
    names: [
      ...['breaker', 'continue-as-new-1', 'continue-as-new-2', 'normal', 'pause', 'quota', 'reset'].map(
        (name) => `publisher-${name}`,
      ),
      'replay-normal',
      'replay-pause-cancel',
      'retention',
    ],
    env: QUICK,
    async scenarios(recorder) {
      await recordPublisherHistories(recorder);
      await recordReplayHistories(recorder);
      await recordRetentionHistory(recorder);
    },
  },
  { names: ['publisher-ordered'], env: LINGERING, scenarios: recordOrderedHistory },
];

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await delay(50);
  }
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
