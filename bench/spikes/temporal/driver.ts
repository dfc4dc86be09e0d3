import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { now } from '../../harness/clock';
import type { DevServer } from './dev-server';
import type { Address, Kind, Report, SpikeInput, WorkerSettings } from './shapes';

type Done = Extract<Report, { report: 'done' }>;
type Attached = Extract<Report, { report: 'attached' }>;

const INPUT: SpikeInput = { kind: 'elsewhere', eager: true, startToCloseMs: 1_800_000, ids: 'chosen', holdMs: 0 };

/** Wakes publishers, keeps their open drains' addresses and hears of their ends, whichever worker runs them. */
export class Driver {
  /** Open drains by workflow, of the kinds that another process ends. */
  readonly open = new Map<string, Address>();
  onAttached: (attached: Attached) => void = () => undefined;
  onDone: (done: Done) => void = () => undefined;
  #waiting = new Map<string, (done: Done) => void>();

  private constructor(
    readonly server: DevServer,
    readonly client: Client,
    readonly taskQueue: string,
  ) {}

  static async connect(server: DevServer, taskQueue: string): Promise<Driver> {
    const connection = await Connection.connect({ address: server.address });
    return new Driver(server, new Client({ connection }), taskQueue);
  }

  /** Starts a worker's process; resolves when it polls. */
  async worker(settings: Partial<WorkerSettings> = {}): Promise<ChildProcess> {
    const { taskQueue } = this;
    const all = { address: this.server.address, taskQueue, stickyMs: 1_000, cached: 2_000, ...settings };
    const child = fork(require.resolve('./worker'), [JSON.stringify(all)]);
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (report: Report) => (report.report === 'ready' ? resolve() : this.#heard(report)));
      child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
    });
    await ready;
    return child;
  }

  /** Signal-with-start, as every wake of the product; `input` matters for the first one only. */
  async wake(workflowId: string, kind: Kind, input: Partial<SpikeInput> = {}): Promise<string> {
    const handle = await this.client.workflow.signalWithStart('spike', {
      workflowId,
      taskQueue: this.taskQueue,
      args: [{ ...INPUT, ...input, kind }],
      signal: 'wake',
      signalArgs: [],
    });
    return handle.signaledRunId;
  }

  /** Resolves with the next end of that publisher's drain, and the moment of it. */
  done(workflowId: string, deadlineMs = 60_000): Promise<Done & { readonly at: number }> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(workflowId);
        const late = `${workflowId}: no end of its drain within ${deadlineMs} ms`;
        this.#history(workflowId).then((events) => reject(new Error(`${late}: … ${events}`)), reject);
      }, deadlineMs);
      this.#waiting.set(workflowId, (report) => {
        clearTimeout(timer);
        resolve({ ...report, at: now() });
      });
    });
  }

  complete(address: Address, published = 10): Promise<void> {
    return this.client.activity.complete(address, { published });
  }

  async close(): Promise<void> {
    await this.client.connection.close();
  }

  /** The last events of a publisher that hangs: they tell a lost task from a lost outcome. */
  async #history(workflowId: string): Promise<string> {
    const { events } = await this.client.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? [])
      .slice(-6)
      .map(({ eventType, eventTime }) => `${eventType ?? '?'} at ${Number(eventTime?.seconds ?? 0)}`)
      .join(', ');
  }

  #heard(report: Exclude<Report, { report: 'ready' }>): void {
    if (report.report === 'attached') {
      if (report.kind !== 'here') this.open.set(report.address.workflowId, report.address);
      this.onAttached(report);
      return;
    }
    this.onDone(report);
    const resolve = this.#waiting.get(report.workflowId);
    this.#waiting.delete(report.workflowId);
    resolve?.(report);
  }
}

/** Ends a process of ours and resolves when it is gone. */
export async function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** Runs `task` for each of `items`, so many at a time. */
export async function each<T>(items: readonly T[], width: number, task: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items].reverse();
  const run = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await task(item);
  };
  await Promise.all(Array.from({ length: width }, run));
}
