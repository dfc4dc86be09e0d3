import { setTimeout as delay } from 'node:timers/promises';
import { CompleteAsyncError, activityInfo } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { InjectedSinks } from '@temporalio/worker';
import { now } from '../../harness/clock';
import type { Address, Kind, Outcome, Report, WorkerSettings } from './shapes';
import type { SpikeSinks } from './workflows';

/** A worker in a process of its own, so that it can be killed and its CPU be told from the driver's. */
async function main(settings: WorkerSettings): Promise<void> {
  const { address, taskQueue } = settings;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
    workerHeartbeatInterval: 0,
    shutdownSignals: ['SIGTERM'],
  });
  const client = new Client({ connection: await Connection.connect({ address }) });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    taskQueue,
    workflowsPath: require.resolve('./workflows'),
    activities: activities(client),
    sinks: sinks(),
    maxCachedWorkflows: settings.cached,
    stickyQueueScheduleToStartTimeout: settings.stickyMs,
    maxConcurrentActivityTaskExecutions: 100,
  });
  tell({ report: 'ready' });
  await worker.run();
  process.exit(0);
}

function activities(client: Client) {
  return {
    returns: (): Promise<Outcome> => Promise.resolve({ published: 10 }),

    detached(kind: 'here' | 'elsewhere', holdMs: number): never {
      const address = own();
      tell({ report: 'attached', kind, address, at: now() });
      if (kind === 'here') void delay(holdMs).then(() => client.activity.complete(address, { published: 10 }));
      throw new CompleteAsyncError();
    },

    attach(kind: Kind, activityId: string): Promise<void> {
      tell({ report: 'attached', kind, address: { ...own(), activityId }, at: now() });
      return Promise.resolve();
    },

    stuck(): Promise<never> {
      tell({ report: 'attached', kind: 'stuck', address: own(), at: now() });
      return new Promise<never>(() => undefined);
    },
  };
}

function own(): Address {
  const { workflowExecution: run, activityId } = activityInfo();
  if (run === undefined) throw new Error('an activity without a workflow');
  return { workflowId: run.workflowId, runId: run.runId, activityId };
}

function sinks(): InjectedSinks<SpikeSinks> {
  const fn = ({ workflowId, runId }: { workflowId: string; runId: string }, result: string): void =>
    tell({ report: 'done', workflowId, runId, result });
  return { spike: { done: { fn, callDuringReplay: false } } };
}

function tell(report: Report): void {
  process.send?.(report);
}

process.on('disconnect', () => process.exit(0));
main(JSON.parse(process.argv[2] ?? '{}') as WorkerSettings).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
