import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { now, until } from '../../harness/clock';
import { serve } from '../../harness/serve';

export type BareCalls = ReturnType<typeof bareCalls>;

/** As src/service/worker.ts sets them: the floor is for a worker like the product's. */
const SETTINGS = {
  maxConcurrentActivityTaskExecutions: 100,
  maxCachedWorkflows: 500,
  stickyQueueScheduleToStartTimeout: 3_000,
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 3 },
} as const;
/** Signals under way at once when thousands are to be woken, as of the product's waker. */
const LANES = 8;

/** A worker and the client that wakes its workflows in one process, as the product has them. */
export function bareCalls() {
  const waiting = new Map<string, (at: number) => void>();
  let client: Client | null = null;
  let taskQueue = '';

  /** Resolves with the moment at which the workflow's activity ran. */
  const wake = async (workflowId: string): Promise<number> => {
    if (client === null) throw new Error('not connected');
    const ran = new Promise<number>((resolve) => waiting.set(workflowId, resolve));
    await client.workflow.signalWithStart('bare', { workflowId, taskQueue, signal: 'wake', signalArgs: [] });
    return ran;
  };
  const name = (kind: string, index: number): string => `${taskQueue}-${kind}-${index}`;

  return {
    /** Resolves when the worker polls. */
    async connect(input: { address: string; taskQueue: string }): Promise<void> {
      ({ taskQueue } = input);
      Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
      client = new Client({ connection: await Connection.connect({ address: input.address }) });
      const worker = await Worker.create({
        ...SETTINGS,
        connection: await NativeConnection.connect({ address: input.address }),
        taskQueue,
        workflowsPath: require.resolve('./workflow'),
        activities: {
          empty(workflowId: string): Promise<void> {
            waiting.get(workflowId)?.(now());
            return Promise.resolve();
          },
        },
      });
      void worker.run();
    },

    /** Wakes as fast as `loops` loops go over `workflows` workflows; wakes per second. */
    async fastest(input: { seconds: number; loops: number; workflows: number }): Promise<number> {
      const began = now();
      let wakes = 0;
      const loop = async (index: number): Promise<void> => {
        for (let round = 0; now() < began + input.seconds * 1_000; round += 1) {
          await wake(name('cycle', (index + round * input.loops) % input.workflows));
          wakes += 1;
        }
      };
      await Promise.all(Array.from({ length: input.loops }, (_, index) => loop(index)));
      return (wakes / (now() - began)) * 1_000;
    },

    /** An open loop; ms from the moment that each wake was due until its activity ran. */
    async onSchedule(input: { perSecond: number; count: number; workflows: number }): Promise<number[]> {
      const began = now();
      const times: Promise<number>[] = [];
      for (let nth = 0; nth < input.count; nth += 1) {
        const due = began + (nth * 1_000) / input.perSecond;
        await until(due);
        times.push(wake(name('cycle', nth % input.workflows)).then((at) => at - due));
      }
      return Promise.all(times);
    },

    /** So many workflows that never ran, one activity each; seconds from the first signal to the last activity. */
    async cold(input: { from: number; count: number }): Promise<number> {
      const began = now();
      const ran: Promise<number>[] = [];
      let next = input.from;
      const lane = async (): Promise<void> => {
        while (next < input.from + input.count) {
          const workflowId = name('cold', (next += 1));
          const done = new Promise<number>((resolve) => waiting.set(workflowId, resolve));
          ran.push(done);
          await client?.workflow.signalWithStart('bare', { workflowId, taskQueue, signal: 'wake', signalArgs: [] });
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      return (Math.max(...(await Promise.all(ran))) - began) / 1_000;
    },
  };
}

serve(bareCalls());
