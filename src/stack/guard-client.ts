import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OutboxError } from '../domain/errors';
import type { GuardReport, GuardRequest, ServerCommand, ServerName } from './guard-protocol';
import { packageRoot } from './locations';

type EndListener = (how: string) => void;

/** The parent's side of the guard process (see guard.ts). */
export class GuardClient {
  private nextId = 1;
  private readonly starting = new Map<number, { resolve(pid: number): void; reject(error: Error): void }>();
  private readonly endListeners = new Map<ServerName, Set<EndListener>>();
  private readonly exited: Promise<void>;

  private constructor(private readonly guard: ChildProcess) {
    // `close`, not `exit`: by then its last reports have been read.
    this.exited = new Promise((resolve) => guard.once('close', () => resolve()));
    void this.exited.then(() => this.failStarting('the guard process of the stack has ended'));
    // Writing to a guard that was killed must not end the application; `exited` tells what is needed.
    guard.stdin?.on('error', () => undefined);
  }

  /** Starts a guard, which takes the data folder. @throws OutboxError CONFIG_INVALID if the folder is in use. */
  static async start(dataDir: string): Promise<GuardClient> {
    const guard = spawn(process.execPath, [guardProgram(), dataDir], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const client = new GuardClient(guard);
    await new Promise<void>((resolve, reject) => {
      guard.once('error', reject);
      guard.once('exit', (code) =>
        reject(new Error(`the guard process of the stack ended at once (exit code ${code})`)),
      );
      createInterface({ input: guard.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const report = JSON.parse(line) as GuardReport;
        if (report.type === 'locked') resolve();
        else if (report.type === 'refused') reject(new OutboxError('CONFIG_INVALID', report.message));
        else client.receive(report);
      });
    });
    return client;
  }

  /** Starts a server. @returns its process id. */
  start(command: ServerCommand): Promise<number> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.starting.set(id, { resolve, reject });
      this.send({ type: 'start', id, command });
    });
  }

  /** Calls `listener` when that server next ends, however that comes about. @returns how to stop listening. */
  onceEnded(name: ServerName, listener: EndListener): () => void {
    const listeners = this.endListeners.get(name) ?? new Set();
    this.endListeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Ends one server in good order. It must be running. */
  end(name: ServerName): Promise<void> {
    return new Promise((resolve) => {
      this.onceEnded(name, () => resolve());
      void this.exited.then(resolve);
      this.send({ type: 'end', name });
    });
  }

  /** Ends all servers, then the guard. */
  async close(): Promise<void> {
    this.guard.stdin?.end();
    await this.exited;
  }

  private send(request: GuardRequest): void {
    this.guard.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  private receive(report: Extract<GuardReport, { type: 'started' | 'failed' | 'ended' }>): void {
    switch (report.type) {
      case 'started':
        this.starting.get(report.id)?.resolve(report.pid);
        this.starting.delete(report.id);
        return;
      case 'failed':
        this.starting.get(report.id)?.reject(new Error(report.message));
        this.starting.delete(report.id);
        return;
      case 'ended': {
        const listeners = this.endListeners.get(report.name);
        this.endListeners.delete(report.name);
        for (const listener of listeners ?? []) listener(report.signal ?? `exit code ${report.code}`);
        return;
      }
    }
  }

  private failStarting(why: string): void {
    for (const { reject } of this.starting.values()) reject(new Error(why));
    this.starting.clear();
  }
}

/** The compiled guard: node cannot run guard.ts, so under jest (which runs the sources) the one in dist/ is taken. */
function guardProgram(): string {
  const beside = join(__dirname, 'guard.js');
  const built = existsSync(beside) ? beside : join(packageRoot(), 'dist', 'stack', 'guard.js');
  if (!existsSync(built)) {
    throw new OutboxError('CONFIG_INVALID', `The stack needs ${built}, which is not built yet. Run: npm run build`);
  }
  return built;
}
